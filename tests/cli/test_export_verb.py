"""`latentfx export`, as it is typed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from latentfx.cli import app


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


def test_export_prints_the_file_its_size_and_the_checks(exported: tuple[Path, str]) -> None:
    path, printed = exported
    first, second = printed.splitlines()
    assert re.fullmatch(
        rf"{path}: tiny, \d\.\d MB, 16000 Hz, latency 128 samples \(8\.0 ms\), 10 controls", first
    )
    assert re.fullmatch(
        r"verified: 12 laws of the contract, 8 checks of the file; "
        r"torchscript within \S+, onnx within \S+ of torch",
        second,
    )


def test_info_in_full_shows_the_report_of_the_export(exported: tuple[Path, str]) -> None:
    shown = run("info", exported[0], "--full")
    assert shown.exit_code == 0
    words = " ".join(shown.stdout.split())  # whatever the numbers' lengths do to the lines
    origin = ("swapper", "from the paper", "comb filters", "MIT")
    parts = (*origin, "timbre", "violin, flute, clarinet, input", "--reference FILE")
    for part in (*parts, "contract", "parity", "stress", "MB in 1 min", "timings"):
        assert part in words


def test_export_without_verification_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: tuple[Path, str]
) -> None:
    import latentfx.export
    from latentfx.export import Exported
    from latentfx.library import load

    def instead(*args: object, verify: bool, **kwargs: object) -> Exported:
        assert not verify
        return Exported(exported[0], 10, load(exported[0]).spec, {})

    monkeypatch.setattr(latentfx.export, "export_checkpoint", instead)
    result = run("export", tmp_path, "--no-verify")
    assert result.stdout.splitlines()[-1] == "not verified"


def test_export_of_a_folder_without_a_checkpoint_is_an_error_in_one_line(tmp_path: Path) -> None:
    result = run("export", tmp_path, tmp_path / "x.onnx")
    assert result.exit_code == 1
    assert "give a checkpoint folder or the folder of a run" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_without_the_lab_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "latentfx.export", None)
    result = run("export", tmp_path)
    assert result.exit_code == 1
    assert "pip install 'latentfx[lab]'" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x.xyz"], "x.xyz ends in '.xyz'; a plugin file ends in .onnx, .ts, .nm or .amxd"),
        (["x.xyz", "--to", "onnx"], "x.xyz ends in '.xyz'; a plugin file ends in"),
        (["."], ". is a folder; name a file in it, which ends in .onnx, .ts, .nm or .amxd"),
        (["x.onnx", "--name", "a\x1bb"], "it needs a letter, and no control characters"),
        (["x.onnx", "--name", " "], "it needs a letter, and no control characters"),
    ],
)
def test_export_refuses_a_target_or_name_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.setitem(sys.modules, "latentfx.export", None)  # to load it is another error
    monkeypatch.chdir(tmp_path)
    result = run("export", "ring", *words)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())
