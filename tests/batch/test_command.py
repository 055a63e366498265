"""The command: one bar, errors at the end, a summary for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from batch_kit import Sounds, Start, journal_of, results
from typer.testing import CliRunner

from latentfx.batch import apply_many
from latentfx.cli import app
from latentfx.cli import many as many_recordings
from latentfx.cli.bar import Lines
from latentfx.errors import AudioFileError

Write = Callable[[str], Path]


def test_errors_stand_at_the_end_with_the_exit_code(
    plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = sounds(3)
    for name in ("bad 1.wav", "bad 2.wav", "bad 3.wav"):
        (takes / name).write_text("not a sound")
    monkeypatch.setattr(many_recordings, "_MOST_LISTED", 2)
    ran = CliRunner().invoke(
        app, ["apply", str(takes), str(tmp_path / "out"), "-p", str(plugin_file("gain"))]
    )
    assert ran.exit_code == 1
    assert ran.stdout.splitlines()[-1].startswith("3 of 6 files made: 0.3 s of audio, ")
    said = ran.stderr.splitlines()
    assert ["bad 1.wav cannot be read" in said[0], "bad 2.wav cannot be read" in said[1]] == [True, True]
    assert said[2] == f"latentfx: and 1 more; all are in {tmp_path / 'out' / 'latentfx-batch.jsonl'}"
    assert said[3] == "latentfx: 3 of 6 files failed"
    assert sum(bool(line["error"]) for line in journal_of(tmp_path / "out")) == 3


def test_the_summary_is_one_object_and_counts_what_was_done_before(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes = sounds(3, 3.6)
    words = ["apply", str(takes), str(tmp_path / "out"), "-p", str(plugin_file("gain")), "--json"]
    first = json.loads(CliRunner().invoke(app, words).stdout)
    assert (first["files"], first["made"], first["skipped"], first["failed"]) == (3, 3, 0, 0)
    assert first["audio_h"] == pytest.approx(0.003)
    assert first["times_real_time"] == pytest.approx(3600 * 0.003 / first["took_s"], rel=0.01)
    assert first["journal"] == str(tmp_path / "out" / "latentfx-batch.jsonl")
    (takes / "bad.wav").write_text("not a sound")
    (takes / "notes.txt").write_text("")
    again = CliRunner().invoke(app, words)
    second = json.loads(again.stdout)
    assert again.exit_code == 1
    assert (second["made"], second["skipped"], second["failed"], second["passed_over"]) == (0, 3, 1, 1)
    assert [error["source"] for error in second["errors"]] == [str(takes / "bad.wav")]


def test_progress_tells_files_hours_speed_and_errors(
    plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many_recordings, "watch", lambda title: Lines(title, every_s=0.0))
    words = ["apply", str(sounds(2, 18.0)), str(tmp_path / "out"), "-p", str(plugin_file("gain"))]
    said = CliRunner().invoke(app, words).stderr.splitlines()
    assert said[0].startswith("2 files: 1 of 2 (50 %), 18.0 s of audio, ")
    assert said[1].startswith("2 files: 2 of 2 (100 %), 36.0 s of audio, ")
    assert said[1].endswith(" x real time, 0 errors")


@pytest.mark.parametrize(
    ("seconds", "failed", "words"),
    [
        (2.5, 1, "2.5 s of audio, 1 error"),
        (90.0, 2, "1.5 min of audio, 2 errors"),
        (5400.0, 0, "1.50 h of audio, 0 errors"),
    ],
)
def test_progress_counts_sound_in_a_unit_that_shows_it(seconds: float, failed: int, words: str) -> None:
    said = many_recordings.Tally(3, seconds=seconds, failed=failed).words()
    audio, _, errors = said.split(", ")
    assert f"{audio}, {errors}" == words


def test_side_files_of_macos_are_counted_and_named(
    plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes = sounds(2)
    for name in ("._take.wav", "._notes.txt", ".DS_Store"):
        (takes / name).write_bytes(b"\0\5\x16\7")
    ran = CliRunner().invoke(
        app, ["apply", str(takes), str(tmp_path / "out"), "-p", str(plugin_file("gain"))]
    )
    assert ran.exit_code == 0
    note = next(line for line in ran.stderr.splitlines() if "passed over" in line)
    assert "1 file passed over" in note
    assert note.endswith(f": {takes / '._take.wav'}")


def test_one_shard_of_the_command_writes_its_own_journal(
    start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    words = ("apply", sounds(12), tmp_path / "out", "-p", plugin_file("gain"), "--shard")
    both = [start(*words, f"{number}/2") for number in (1, 2)]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert len(results(tmp_path / "out")) == 12
    assert sorted(path.name for path in (tmp_path / "out").glob("*.jsonl")) == [
        "latentfx-batch-1-of-2.jsonl",
        "latentfx-batch-2-of-2.jsonl",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--on", "slurm"], "allowed are local, ray, and ray://HOST:PORT"),
        (["--shard", "4/3"], "such as 3/16"),
        (["--format", "docx"], "cannot be written; allowed aif,"),
        (["--set", "jobs=2"], "control 'jobs' does not exist"),
    ],
)
def test_options_that_make_no_sense_are_one_line(
    words: list[str], says: str, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    given = ["apply", str(sounds(2)), str(tmp_path / "out"), "-p", str(plugin_file("gain")), *words]
    ran = CliRunner().invoke(app, given)
    assert ran.exit_code == 1
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_shard_of_one_file_is_refused(plugin_file: Write, sounds: Sounds, tmp_path: Path) -> None:
    one = next(sounds(1).rglob("*.wav"))
    ran = CliRunner().invoke(app, ["apply", str(one), str(tmp_path / "a.wav"), "--shard", "1/2"])
    assert ran.exit_code == 2
    assert "is for several files" in ran.stderr


def test_paths_need_no_package_for_urls(
    plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fsspec", "fsspec.core", "s3fs", "ray"):
        monkeypatch.setitem(sys.modules, name, None)
    words = ["apply", str(sounds(2)), f"file://{tmp_path / 'out'}", "-p", str(plugin_file("gain"))]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert len(results(tmp_path / "out")) == 2


def test_a_folder_that_may_not_be_entered_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    told = r"no sound file in .*; passed over, .* may not be entered: .*locked"
    with pytest.raises(AudioFileError, match=told):
        next(apply_many(locked, tmp_path / "out", "ring"))
