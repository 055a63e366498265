"""What goes wrong in the middle: every file is done once or named as failed, and nothing is half-written."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from batch_kit import (
    RATE,
    Sounds,
    Start,
    journal_of,
    killer,
    parts,
    results,
    wait_until,
    write_sound,
    writers,
)

from latentfx.batch import apply_many, local
from latentfx.files import PartFile

Write = Callable[[str], Path]
LONG_S = 60.0


def test_a_worker_that_is_killed_in_the_middle_costs_no_file(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(5, LONG_S), tmp_path / "out"
    with killer(out):
        outcomes = list(apply_many(takes, out, plugin_file("delay"), jobs=2))
    assert [outcome.error for outcome in outcomes] == [""] * 5
    assert len({outcome.target for outcome in outcomes}) == 5
    assert set(results(out).values()) == {round(LONG_S * RATE)}
    assert parts(out) == []


def test_a_file_that_ends_its_worker_twice_is_named_and_the_others_are_done(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(4, LONG_S), tmp_path / "out"
    with killer(out, "note 001", times=2):
        outcomes = list(apply_many(takes, out, plugin_file("delay"), jobs=2))
    errors = [outcome for outcome in outcomes if outcome.error]
    assert [Path(outcome.source).name for outcome in errors] == ["note 001 ü音.wav"]
    assert "lost 2 times: its process was ended by SIGKILL" in errors[0].error
    assert len(results(out)) == 3
    assert parts(out) == []
    assert [bool(line["error"]) for line in journal_of(out)].count(True) == 1


def test_workers_that_cannot_start_leave_every_file_named(
    plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentfx.batch.local._begin", os._exit)  # with the order as exit code: a TypeError
    outcomes = list(apply_many(sounds(4), tmp_path / "out", plugin_file("gain"), jobs=2))
    assert len(outcomes) == 4
    assert all("no worker is left" in outcome.error for outcome in outcomes)


def test_a_run_that_is_killed_goes_on_and_leaves_no_worker(
    start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(8, LONG_S / 4), tmp_path / "out"
    words = ("apply", takes, out, "--plugin", plugin_file("delay"), "--jobs", 2)
    process = start(*words)
    wait_until(lambda: (out / "latentfx-batch.jsonl").exists() and len(journal_of(out)) >= 2 and parts(out))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert parts(out) != []
    with (out / "latentfx-batch.jsonl").open("a") as journal:
        journal.write('{"source": "a line that was cut')
    again = start(*words)
    said, err = again.communicate()
    assert again.returncode == 0, err
    assert "done before" in said
    assert set(results(out).values()) == {round(LONG_S / 4 * RATE)}
    assert len(results(out)) == 8
    assert parts(out) == []
    assert len({line["target"] for line in journal_of(out)}) == 8


def test_workers_end_with_the_process_that_started_them(
    start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start("apply", sounds(4, LONG_S), out, "--plugin", plugin_file("delay"), "--jobs", 2)
    wait_until(lambda: writers(out))
    process.kill()
    wait_until(lambda: not writers(out))
    assert parts(out) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_whole_files_alone(
    jobs: int, start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("apply", sounds(12, LONG_S / 4), out, "--plugin", plugin_file("delay"), "--jobs", jobs)
    process = start(*words)
    wait_until(lambda: results_named(out) and parts(out))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert "nothing half-written is left" in err
    assert parts(out) == []
    assert set(results(out).values()) == {round(LONG_S / 4 * RATE)}
    done = len(journal_of(out))
    assert len(results(out)) - jobs <= done < 12
    said, err = start(*words).communicate()
    assert said.splitlines()[-1].startswith(f"{12 - done} of 12 files made"), err


@pytest.mark.parametrize(("number", "lines"), [(signal.SIGINT, 2), (signal.SIGHUP, 0)])
def test_stop_while_workers_start_prints_no_traceback(
    number: int, lines: int, start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start("apply", sounds(4), out, "--plugin", plugin_file("delay"), "--jobs", 2)
    wait_until((out / "latentfx-batch.jsonl").exists)
    wait_until(lambda: len(children_of(process.pid)) >= 2)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert len(err.splitlines()) == lines, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_waits_until_a_worker_has_been_given_its_order(number: int) -> None:
    heard: list[int] = []
    before = signal.signal(number, lambda came, _: heard.append(came))
    try:
        with local._deaf():
            signal.raise_signal(number)
            assert heard == []
        assert heard == [number]
    finally:
        signal.signal(number, before)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def results_named(folder: Path) -> list[Path]:
    return [*folder.rglob("*.wav")]


def test_a_disk_that_takes_no_more_is_named_for_each_file_and_leaves_nothing_half_written(
    plugin_file: Write, tmp_path: Path
) -> None:
    """The system lets a process write files up to a size: past it, every write fails as on a full disk."""
    for index in range(40):
        write_sound(tmp_path / "takes" / f"{index:03d}.wav", 5.0 if index % 4 == 0 else 0.01)
    most = 12_000  # the journal outgrows it too
    words = ["apply", "takes", "out", "--plugin", str(plugin_file("gain")), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from latentfx.cli import main; main()", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
    )
    out = tmp_path / "out"
    assert done.returncode == 1
    assert "10 of 40 files failed" in done.stderr
    assert done.stderr.count("is the disk full") == 10
    assert "latentfx-batch.jsonl cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(results(out)) == 30
    assert parts(out) == []
    again = list(apply_many(tmp_path / "takes", out, plugin_file("gain")))
    assert [outcome.error for outcome in again] == [""] * 40
    before = journal_of(out)[: -sum(not outcome.skipped for outcome in again)]
    assert sum(outcome.skipped for outcome in again) == sum(not line["error"] for line in before)


def test_a_name_that_was_half_written_by_a_killed_run_of_another_shard_stays(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    takes = sounds(6)
    shards = [{o.target for o in apply_many(takes, out, plugin_file("gain"), shard=f"{n}/2")} for n in (1, 2)]
    left = [PartFile(Path(min(targets))) for targets in shards]
    for part in left:
        part.create()
    list(apply_many(takes, out, plugin_file("gain"), shard="1/2", again=True))
    assert [part.path.exists() for part in left] == [False, True]
    left[1].discard()
