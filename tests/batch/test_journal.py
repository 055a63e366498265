"""What is done is done once: journals, other settings, changed sources, shards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from batch_kit import Sounds, journal_of, results, write_sound

from latentfx.automation import Automation
from latentfx.automation.moves import Move, Turn
from latentfx.batch import Outcome, apply_many
from latentfx.batch.journal import Done, MadeOf
from latentfx.batch.plan import Shard, plan
from latentfx.batch.task import Task
from latentfx.errors import AudioFileError, BusyError

Write = Callable[[str], Path]
Run = Callable[..., list[Outcome]]


@pytest.fixture
def run(plugin_file: Write, sounds: Sounds, tmp_path: Path) -> Run:
    """Run four sounds through a gain into the folder `out`."""
    takes, plugin = sounds(4), plugin_file("gain")

    def batch(**more: object) -> list[Outcome]:
        return list(apply_many(takes, tmp_path / "out", plugin, **more))  # type: ignore[arg-type]

    return batch


def skipped(outcomes: list[Outcome]) -> int:
    return sum(outcome.skipped for outcome in outcomes)


def test_a_line_says_what_was_made_of_what(run: Run, plugin_file: Write, tmp_path: Path) -> None:
    (tmp_path / "takes" / "bad.wav").write_text("not a sound")
    assert len(run()) == 5
    lines = {line["target"]: line for line in journal_of(tmp_path / "out")}
    good, bad = lines["kit 0/note 000 ü音.wav"], lines["bad.wav"]
    assert good["source"] == str(tmp_path / "takes" / "kit 0" / "note 000 ü音.wav")
    assert (good["seconds"], good["notes"], good["error"]) == (0.1, [], "")
    assert (bad["seconds"], bad["settings"]) == (0.0, good["settings"])
    assert "cannot be read as audio" in bad["error"]
    assert len(good["plugin"]) == len(good["settings"]) == 64


def test_the_same_batch_does_nothing_twice(run: Run, tmp_path: Path) -> None:
    run()
    before = journal_of(tmp_path / "out")
    assert skipped(run()) == 4
    assert journal_of(tmp_path / "out") == before
    assert skipped(run(again=True)) == 0


def test_a_file_that_failed_is_tried_again(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "takes" / "bad.wav"
    bad.write_text("not a sound")
    run()
    assert [outcome.source for outcome in run() if outcome.error] == [str(bad)]
    write_sound(bad)
    assert (skipped(outcomes := run()), [outcome.error for outcome in outcomes]) == (4, [""] * 5)


def test_changed_sources_missing_results_and_other_plugins_are_done_again(
    run: Run, plugin_file: Write, tmp_path: Path
) -> None:
    run()
    changed = tmp_path / "takes" / "kit 1" / "note 001 ü音.wav"
    write_sound(changed, 0.2)
    (tmp_path / "out" / "kit 2" / "note 002 ü音.wav").unlink()
    outcomes = run()
    assert {Path(o.source).name[:8] for o in outcomes if not o.skipped} == {"note 001", "note 002"}
    assert results(tmp_path / "out")["kit 1/note 001 ü音.wav"] == 9600
    other = plugin_file("delay")
    assert skipped(list(apply_many(tmp_path / "takes", tmp_path / "out", other))) == 0


def test_other_settings_are_done_again(run: Run, plugin_file: Write, tmp_path: Path) -> None:
    run(gain=1.0)
    assert skipped(run(gain=2.0)) == 0
    assert skipped(run(gain=2.0)) == 4
    audio, _ = soundfile.read(tmp_path / "out" / "kit 0" / "note 000 ü音.wav")
    np.testing.assert_allclose(audio, 0.5, atol=1e-4)
    moves = Automation((Move(0.0, Turn("gain", 2.0)),))
    assert skipped(run(gain=2.0, automation=moves)) == 0
    assert skipped(run(gain=2.0, automation=moves)) == 4


def test_another_recording_for_the_side_chain_is_another_setting(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes = sounds(2)
    write_sound(tmp_path / "side.wav", level=0.1)

    def run() -> int:
        made = apply_many(takes, tmp_path / "out", plugin_file("side"), side=tmp_path / "side.wav")
        return skipped(list(made))

    assert (run(), run()) == (0, 2)
    write_sound(tmp_path / "side.wav", level=0.2)
    assert run() == 0


def test_a_result_that_a_stopped_run_of_other_settings_replaced_is_not_taken_for_done(
    run: Run, tmp_path: Path
) -> None:
    """The run dies after it wrote a result and before it wrote the line."""
    run(gain=1.0)
    journal = tmp_path / "out" / "latentfx-batch.jsonl"
    before = journal.read_text()
    run(gain=2.0)
    lines = journal.read_text()[len(before) :].splitlines(keepends=True)
    assert [('"void"' in line) for line in lines] == [True] * 4 + [False] * 4
    journal.write_text(before + "".join(lines[:6]))
    assert skipped(run(gain=1.0)) == 0


def test_the_newest_line_counts_whatever_the_order_of_the_journals() -> None:
    key, other = MadeOf("s", "p"), MadeOf("t", "p")

    def line(of: MadeOf, time: float, **more: object) -> dict[str, object]:
        made = {"target": "a.wav", "stamp": "7", "settings": of.settings, "plugin": of.plugin}
        return {**made, "time": time, "error": "", **more}

    task = plan_of_one()
    assert Done([line(key, 1.0)], key).holds(task)
    assert Done([line(key, 2.0), line(other, 1.0)], key).holds(task)
    assert not Done([line(other, 2.0), line(key, 1.0)], key).holds(task)
    assert not Done([line(key, 1.0), line(key, 2.0, error="no")], key).holds(task)
    assert not Done([line(key, 1.0, stamp="8")], key).holds(task)
    assert Done([line(other, 1.0)], key).holds_other(task)
    assert not Done([{"target": 3}, {}], key).holds(task)


def plan_of_one() -> Task:
    return Task(0, "in/a.wav", "out/a.wav", "a.wav", 7)


def test_shards_share_a_target_and_each_file_belongs_to_one(run: Run, sounds: Sounds, tmp_path: Path) -> None:
    takes = sounds(40)
    made: list[Outcome] = []

    def part(number: int) -> None:
        made.extend(run(shard=f"{number}/2"))

    threads = [threading.Thread(target=part, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.source for outcome in made) == sorted(map(str, takes.rglob("*.wav")))
    lengths = [len(journal_of(tmp_path / "out", f"latentfx-batch-{n}-of-2.jsonl")) for n in (1, 2)]
    assert sum(lengths) == 40
    assert min(lengths) > 8
    assert skipped(run()) == 40
    assert skipped(run(shard="3/5")) == len(run(shard="3/5")) > 0


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(AudioFileError, match="such as 3/16"):
        Shard.parse(text)


def test_two_runs_with_one_journal_do_not_meet(run: Run, plugin_file: Write, tmp_path: Path) -> None:
    first = apply_many(tmp_path / "takes", tmp_path / "out", plugin_file("gain"))
    next(first)
    with pytest.raises(BusyError, match="belongs to a run that is not over"):
        run()
    assert len(list(first)) == 3


def test_names_are_all_that_a_plan_holds(tmp_path: Path) -> None:
    """12 bytes beside each name: no stat, no path, no pair."""
    made = plan(write_many(tmp_path / "takes", 50), tmp_path / "out")
    assert sum(made[at].stamp != 0 for at in range(50)) == 50
    held = {
        name: value for name, value in vars(made).items() if hasattr(value, "__len__") and len(value) == 50
    }
    assert sorted(held) == ["_names", "_roots", "_stamps"]
    assert all(isinstance(name, str) and len(name) == len("00.wav") for name in held["_names"])


def write_many(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:02d}.wav").touch()
    return folder
