"""`latentfx train`, as it is typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toy
import typer
from toy import SignalAt
from typer.testing import CliRunner

import latentfx.training.runs.start as start
from latentfx.cli.options import parse_duration
from latentfx.cli.train import train
from latentfx.errors import CheckpointError, MissingExtraError, RecipeError
from latentfx.training import catalogue

RECIPE = """
[recipe]
name = "toy"
[method]
name = "toy"
[data]
instruments = ["violin"]
[[data.parts]]
kind = "tones"
seconds_per_instrument = 8
segment_seconds = 1
[train]
batch_size = 4
crop_frames = 8
stages = { alone = { steps = 6 }, taught = { steps = 6 } }
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(catalogue.METHODS, "toy", catalogue.Method("toy:Toy"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE)
    return path


def run(*words: str, code: int = 0) -> str:
    app = typer.Typer()
    app.command()(train)
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_recipe_trains_on_generated_tones_and_goes_on(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(start, "Reporter", lambda: SignalAt(5, signal.SIGINT))
        first = run(str(recipe), "--threads", "1", "--device", "cpu", code=130)
    assert "stopped (interrupted): runs/toy at step 5; the same command goes on" in first
    second = run(str(recipe), "--threads", "1", "--device", "cpu")
    assert "going on at step 5" in second
    assert "finished: runs/toy at step 12" in second
    assert Path("runs/toy/best-taught/weights.safetensors").is_file()


SLOW = """
import sys, time
from latentfx.training.runs.run import Run
from latentfx.training import catalogue
catalogue.METHODS["toy"] = catalogue.Method("toy:Toy")
step = Run._step
def slow(run, rate):
    if run.progress.step == 3:
        print("slow", flush=True)
        time.sleep(60)
    return step(run, rate)
Run._step = slow
from latentfx.cli import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_step_that_takes_minutes_is_ended_and_the_run_goes_on(recipe: Path, number: int) -> None:
    """A signal wakes no step: Python goes on sleeping after its handler, as torch goes on computing."""
    words = [sys.executable, "-c", SLOW, "train", str(recipe), "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(Path(toy.__file__).parent)}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    try:
        while process.stdout.readline() != "slow\n":
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "goes on from the state that was last saved" in said
    assert "finished: runs/toy at step 12" in run(str(recipe), "--device", "cpu")


def test_a_time_limit_counts_the_making_of_data_and_says_that_nothing_can_be_exported(recipe: Path) -> None:
    said = run(str(recipe), "--for", "0s", "--device", "cpu")
    assert said.startswith("training toy in runs/toy\n")
    assert "stopped (time) while making data: runs/toy at step 0; the same command starts that again" in said
    assert "there is no checkpoint to export yet" in said
    assert not Path("runs/toy").exists()


def test_set_and_seed_change_the_recipe(recipe: Path) -> None:
    run(str(recipe), "--out", "r", "--set", "train.stages.alone.steps=2", "--seed", "9")
    differs = r"recipe\.seed was 9, now 0; train\.stages\.alone\.steps was 2, now 6"
    with pytest.raises(CheckpointError, match=differs):
        run(str(recipe), "--out", "r")


def test_without_a_recipe_the_shipped_ones_are_listed_with_what_they_train() -> None:
    words = " ".join(run().split())
    assert "timbre-swap-tones Swap the timbre of a single line among eight generated instruments" in words
    assert "j-dsae-published Pitch and timbre apart" in words
    assert "Train one: latentfx train NAME" in words


def test_help_says_what_a_data_folder_looks_like() -> None:
    words = " ".join(run("--help").split())
    assert "FOLDER/real/violin/a.wav" in words
    assert "folders of instruments alone, FOLDER/violin/a.wav" in words
    assert "manifest.csv" in words


def test_help_teaches_with_examples() -> None:
    text = run("--help")
    assert "latentfx train timbre-swap --data FOLDER --for 40m" in text
    assert "goes on where it stopped" in " ".join(text.split())


def test_without_the_lab_the_error_names_the_extra(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "latentfx.training.runs.start", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latentfx\[lab\]'"):
        run(str(recipe))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("40m", 2400), ("1h30m", 5400), ("2h", 7200)])
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "40", "m", "-3m", "1.5h", "40 minutes"])
def test_what_is_not_a_time_is_an_error(text: str) -> None:
    with pytest.raises(RecipeError, match=r"give for example 90s, 40m or 1h30m"):
        parse_duration(text)
