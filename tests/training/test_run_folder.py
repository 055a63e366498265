"""A run folder: one process at a time, curves for TensorBoard beside the CSV."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy import SignalAt, toy_recipe, train_toy

from latentfx.errors import MissingExtraError, TrainingError
from latentfx.training.runs.lock import held

HOLDER = """
import sys, time
from pathlib import Path
from latentfx.training.runs.lock import held

with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that trains in the folder `run`."""
    program = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_in_a_run_folder_is_refused(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(TrainingError, match=r"another process is training in .*run; .* give another --out"):
        train_toy(tmp_path / "run", toy_recipe())


def test_a_process_that_was_killed_does_not_hold_its_folder(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=60)
    assert train_toy(tmp_path / "run", toy_recipe()).reason == "finished"


def test_a_run_folder_that_cannot_be_made_is_an_error_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(TrainingError, match=r"run folder .*run cannot be made .*give another --out"):
        train_toy(tmp_path / "run", toy_recipe())


def test_full_disk_is_told_before_data_is_made_and_the_new_folder_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*, dir: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("latentfx.training.runs.lock.tempfile.TemporaryFile", full)
    told = r"nothing can be written into the run folder .*run \(No space left on device\); .* another --out"
    with pytest.raises(TrainingError, match=told):
        train_toy(tmp_path / "run", toy_recipe())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_removed_while_it_is_held_is_no_error(tmp_path: Path) -> None:
    with held(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_got_nothing_is_removed_and_one_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("new", "old"):
        with held(tmp_path / name):
            pass
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "old").is_dir()


def events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar as it was written, duplicates too."""
    reader = EventAccumulator(str(folder / "tensorboard"), {"scalars": 0}, purge_orphaned_data=False)
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def rows(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The CSV in the same shape."""
    found: dict[str, list[tuple[int, float]]] = {}
    with (folder / "curves.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            place = f"{row['part']}/{row['split']}"
            found.setdefault(place, []).append((int(row["step"]), pytest.approx(float(row["value"]))))
    return found


def test_tensorboard_shows_the_curves_and_no_step_twice_after_a_kill(tmp_path: Path) -> None:
    recipe = toy_recipe(tensorboard=True)
    toy = Path(__file__).with_name("toy.py")
    program = (
        f"import sys; sys.path.insert(0, {str(toy.parent)!r}); from toy import *\n"
        f"train_toy({str(tmp_path)!r}, toy_recipe(tensorboard=True), SignalAt(58, signal.SIGKILL))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = events(tmp_path)["loss/train"]
    assert [step for step, _ in before] == [50]
    train_toy(tmp_path, recipe)
    shown = events(tmp_path)
    assert {tag: points for tag, points in shown.items() if not tag.startswith("lr/")} == rows(tmp_path)
    assert [step for step, _ in shown["lr/train"]] == [step for step, _ in shown["loss/train"]]


def test_tensorboard_may_be_asked_for_late(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(25, signal.SIGINT))
    train_toy(tmp_path, toy_recipe(tensorboard=True))
    assert events(tmp_path)["loss/validation"] == rows(tmp_path)["loss/validation"]


def test_without_tensorboard_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latentfx\[tensorboard\]'"):
        train_toy(tmp_path, toy_recipe(tensorboard=True))
