"""The programs of the toy problems: tables, figures and pictures, whole or stopped by Ctrl-C."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from latentfx.training.runs.reporting import Reporter

PROGRAMS = {
    "stargate": ["--seeds", "2", "--steps", "5"],
    "pitch_ring": ["--seeds", "2", "--steps", "4", "--order-steps", "3", "--orders", "coltrane"],
    "mixing_toy": ["--seeds", "2", "--steps", "4", "--batch", "16"],
}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The programs set their number."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, root: Path) -> ModuleType:
    monkeypatch.syspath_prepend(root / "examples" / "benchmarks")
    return importlib.import_module(request.param)


def run(
    program: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, Path, dict[str, object]]:
    """Run a program; exit code, its picture, its JSON."""
    picture, figures = folder / "picture.png", folder / "figures.json"
    words = [*PROGRAMS[program.__name__], "--picture", str(picture), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", [f"{program.__name__}.py", *words])
    code = program.main()
    return code, picture, json.loads(figures.read_text(encoding="utf-8"))


def steps(figures: dict[str, object]) -> set[int]:
    """Every number of steps that a JSON states."""
    found = {figures["steps"]} if "steps" in figures else set()
    return found | {part["steps"] for part in figures.values() if isinstance(part, dict) and "steps" in part}


@pytest.mark.parametrize("program", PROGRAMS, indirect=True)
def test_a_program_prints_a_table_and_writes_figures_and_a_picture(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, picture, figures = run(program, tmp_path, monkeypatch)
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "machine" in figures
    assert "NaN" not in picture.with_name("figures.json").read_text(encoding="utf-8")
    assert steps(figures) <= {3, 4, 5}
    printed = capsys.readouterr().out
    assert printed.count("\n| ") >= 3
    assert "stopped" not in printed


@pytest.mark.parametrize("program", PROGRAMS, indirect=True)
def test_ctrl_c_ends_the_training_and_keeps_what_was_done(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def step(reporter: Reporter, done: int, loss: float) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Reporter, "step", step)
    code, picture, figures = run(program, tmp_path, monkeypatch)
    assert code == 130
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert steps(figures) == {2}
    assert "stopped: everything above" in capsys.readouterr().out


@pytest.mark.parametrize("program", PROGRAMS, indirect=True)
def test_help_teaches_the_problem(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program.__name__, "--help"])
    with pytest.raises(SystemExit, match="0"):
        program.main()
    text = capsys.readouterr().out
    assert f"python examples/benchmarks/{program.__name__}.py" in text
    for option in ("--seeds", "--steps", "--picture", "--json"):
        assert option in text
    assert "Ctrl-C" in text
