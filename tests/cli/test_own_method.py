"""A method outside the package through every verb: it works with trust, and nothing of it runs without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from own_method import RAN, write_own_method
from typer.testing import CliRunner, Result

from latentfx.cli import app


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


def works(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def is_refused(*words: object) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert "is code outside latentfx's catalogue" in result.stderr
    assert "--trust" in result.stderr


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """The folder in which a copy of the example went the whole way, outside the package."""
    folder = tmp_path_factory.mktemp("way")
    (folder / "audio").mkdir()
    for name in ("own_method.py", "own_method.toml", "audio/violin.flac"):
        shutil.copy(root / "examples" / name, folder / name)
    words = [sys.executable, "-W", "error", "own_method.py"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def copy(way: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to be changed, as the current one."""
    folder = tmp_path / "copy"
    shutil.copytree(way, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of the tiny method with an evaluation of its own, whose code has not run where it is now."""
    monkeypatch.chdir(tmp_path)
    works("train", write_own_method(tmp_path), "--device", "cpu", "--threads", 1)
    (tmp_path / RAN).unlink()
    return tmp_path / "runs" / "tiny"


def test_the_example_goes_from_a_class_to_a_sound(way: Path) -> None:
    import soundfile

    dry, rate = soundfile.read(way / "audio" / "violin.flac")
    wet, _ = soundfile.read(way / "own-method.flac")
    assert wet.shape == dry.shape
    assert rate == 44_100
    assert abs(wet - dry).max() > 0.01
    card = json.loads((way / "runs" / "own-method" / "best-all" / "card.json").read_text())
    assert card["recipe"]["plugin"] == {"builder": "own_method.py:build"}
    assert card["health"]["code"]


def test_train_goes_on_with_its_recipe(copy: Path) -> None:
    assert "finished: runs/own-method at step 300" in works("train", "own_method.toml", "--device", "cpu")


def test_export_of_a_run_asks_for_trust(copy: Path) -> None:
    is_refused("export", "runs/own-method", "again.onnx", "--no-verify")
    assert not (copy / "again.onnx").exists()
    assert "own-method" in works("export", "runs/own-method", "again.onnx", "--no-verify", "--trust")


def test_export_of_its_plugin_file_asks_for_trust_and_for_the_code_beside_it(copy: Path) -> None:
    is_refused("export", "own-method.onnx", "own-method.ts", "--no-verify")
    works("export", "own-method.onnx", "own-method.ts", "--no-verify", "--trust")
    (copy / "own_method.py").unlink()
    result = run("export", "own-method.onnx", "again.ts", "--no-verify", "--trust")
    assert result.exit_code == 1
    assert "own_method.py cannot be read" in result.stderr


def test_validate_asks_for_trust_where_it_compares_with_the_run(copy: Path) -> None:
    words = ("validate", "own-method.onnx", "--minutes", 0.01, "--json")
    is_refused(*words, "--checkpoint", "runs/own-method")
    found = json.loads(works(*words, "--checkpoint", "runs/own-method", "--trust"))
    assert found["checks"]["parity"]["measured"] < 1e-4


def test_its_plugin_file_is_data_and_plays_without_trust_and_without_the_code(copy: Path) -> None:
    (copy / "own_method.py").unlink()
    shutil.rmtree(copy / "runs")
    assert "pushes the shape of the spectrum" in works("info", "own-method.onnx")
    knobs = ("--set", "code_2=1", "--output-db", -12)
    works("apply", "audio/violin.flac", "out.flac", "--plugin", "own-method.onnx", *knobs)
    assert (copy / "out.flac").is_file()


def test_settings_of_plugin_that_the_builder_does_not_take_are_named(copy: Path) -> None:
    text = (copy / "own_method.toml").read_text()
    (copy / "own_method.toml").write_text(text.replace("[plugin]", "[plugin]\nsize = 3"))
    words = ("--device", "cpu", "--set", "train.stages.all.steps=1", "--out", "runs/other")
    works("train", "own_method.toml", *words)
    result = run("export", "runs/other", "x.onnx", "--no-verify", "--trust")
    assert result.exit_code == 1
    assert "own_method.py:build does not take the settings of [plugin] (size)" in result.stderr


def test_a_builder_that_cannot_be_called_as_one_is_named(copy: Path) -> None:
    words = ("--device", "cpu", "--set", "train.stages.all.steps=1", "--out", "runs/wrong")
    works("train", "own_method.toml", *words, "--set", "plugin.builder=own_method.py:ShapeAE")
    result = run("export", "runs/wrong", "x.onnx", "--no-verify", "--trust")
    assert result.exit_code == 1
    assert "own_method.py:ShapeAE makes no plugin" in result.stderr


def test_evaluate_runs_an_evaluation_of_ones_own_with_trust(tiny: Path) -> None:
    is_refused("evaluate", tiny)
    shown = works("evaluate", tiny, "--trust", "--out", "judged", "--clips", 1)
    assert shown.startswith("1 clips\ntiny: 0.")
    kept = json.loads(Path("judged/evaluation.json").read_text())
    assert list(kept) == ["tiny"]
    result = run("evaluate", tiny, "--trust", "--pairings", 2)
    assert "setting evaluation.pairings is unknown; allowed: clips" in result.stderr


def test_a_run_from_somebody_else_runs_nothing_of_its_own(tiny: Path) -> None:
    for words in (("evaluate", tiny), ("export", tiny), ("validate", "ring", "--checkpoint", tiny)):
        is_refused(*words)
    assert not list(tiny.rglob(RAN))
