"""Many recordings: folders, patterns, processes, and one bad file among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.batch import apply_many
from latentfx.batch.plan import BatchPlan, plan
from latentfx.errors import AudioFileError

Write = Callable[[str], Path]


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    folder = tmp_path / "takes"
    for index, name in enumerate(["a.wav", "b.flac", "day two/a.wav"], 1):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(100 * index, 0.25), 48_000)
    (folder / "notes.txt").write_text("not a sound")
    return folder


def pairs(made: BatchPlan) -> list[tuple[Path, Path]]:
    return [(Path(task.source), Path(task.target)) for task in made]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_mirrored_and_a_bad_file_stops_no_other(
    plugin_file: Write, takes: Path, tmp_path: Path, jobs: int
) -> None:
    (takes / "bad.wav").write_text("not a sound either")
    outcomes = list(apply_many(takes, tmp_path / "out", plugin_file("delay"), jobs=jobs, gain=2))
    assert sorted(Path(outcome.source).name for outcome in outcomes) == [
        "a.wav",
        "a.wav",
        "b.flac",
        "bad.wav",
    ]
    for index, name in enumerate(["a.wav", "b.flac", "day two/a.wav"], 1):
        audio, _ = soundfile.read(tmp_path / "out" / name)
        np.testing.assert_allclose(audio, np.full(100 * index, 0.5), atol=1e-4)
    errors = [outcome for outcome in outcomes if outcome.error]
    assert [Path(outcome.source).name for outcome in errors] == ["bad.wav"]
    assert "cannot be read as audio" in errors[0].error


def test_patterns_and_lists_become_pairs(takes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert pairs(plan(str(takes / "*.wav"), out)) == [(takes / "a.wav", out / "a.wav")]
    assert pairs(plan([takes / "b.flac", takes / "a.wav"], out, "mp3")) == [
        (takes / "b.flac", out / "b.mp3"),
        (takes / "a.wav", out / "a.mp3"),
    ]


def test_results_inside_the_source_folder_are_not_sources(takes: Path) -> None:
    out = takes / "out"
    out.mkdir()
    soundfile.write(out / "a.wav", np.zeros(10), 48_000)
    assert len(plan(takes, out)) == 3


def test_results_that_would_overwrite_each_other_or_a_source_are_refused(takes: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="holds the sources"):
        plan(takes, takes)
    with pytest.raises(AudioFileError, match="several results need a folder"):
        plan(takes, tmp_path / "out.wav")
    with pytest.raises(AudioFileError, match="would both become"):
        plan([takes / "a.wav", takes / "day two" / "a.wav"], tmp_path / "out")
    with pytest.raises(AudioFileError, match=r"no sound file in .*nothing"):
        plan(str(tmp_path / "nothing*.wav"), tmp_path / "out")


def test_a_result_never_takes_the_place_of_another_recording_or_another_result(
    plugin_file: Write, takes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.wav").symlink_to(takes / "b.flac")
    with pytest.raises(AudioFileError, match="would replace the recording"):
        plan([takes / "a.wav", takes / "b.flac"], out)
    (out / "a.wav").unlink()
    (out / "a.wav").symlink_to(out / "b.flac")
    with pytest.raises(AudioFileError, match="would both become"):
        plan([takes / "a.wav", takes / "b.flac"], out)
    with pytest.raises(AudioFileError, match="is the recording that is read"):
        list(
            apply_many(takes / "a.wav", takes / "day two", plugin_file("side"), side=takes / "day two/a.wav")
        )


def test_files_that_are_passed_over_are_named(takes: Path, tmp_path: Path) -> None:
    (takes / "loop").symlink_to(takes)
    (takes / "lost.wav").symlink_to(takes / "nothing.wav")
    (takes / "folder.wav").mkdir()
    (takes / ".hidden").write_text("")
    (takes / "latentfx-batch.jsonl").write_text("")
    made = plan(takes, tmp_path / "out")
    assert sorted(Path(name).name for name in made.passed.names) == ["loop", "lost.wav", "notes.txt"]
    assert made.passed.count == 3
    assert len(made) == 3
