"""Tunes become steps of an eighth note."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from latentfx.errors import DataError, RecipeError
from latentfx.training.data.load import load_data
from latentfx.training.data.sources.melodies import quantise

BEAT = 480


def write(file: Path, notes: list[tuple[int, float, float]]) -> Path:
    """Write notes: pitch, start and length in beats."""
    events = [(start, "note_on", pitch) for pitch, start, _ in notes]
    events += [(start + length, "note_off", pitch) for pitch, start, length in notes]
    track, now = mido.MidiTrack(), 0
    for beat, kind, pitch in sorted(events, key=lambda event: (event[0], event[1] == "note_on")):
        tick = round(beat * BEAT)
        track.append(mido.Message(kind, note=pitch, velocity=64, time=tick - now))
        now = tick
    midi = mido.MidiFile(ticks_per_beat=BEAT)
    midi.tracks.append(track)
    file.parent.mkdir(parents=True, exist_ok=True)
    midi.save(file)
    return file


def tune(start: int, steps: int) -> list[tuple[int, float, float]]:
    return [(start + (0, 2, 4, 5)[i % 4], i / 2, 0.5) for i in range(steps)]


def melodies(**settings: object) -> dict[str, object]:
    part = {"kind": "melodies", "steps": 8, **settings}
    return {"instruments": ["accordion"], "validation": 0.5, "parts": [part]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_long_notes_are_struck_again_rests_take_the_pitch_before_and_late_notes_fall_on_the_grid(
    tmp_path: Path,
) -> None:
    notes = [(60, 1.0, 1.0), (64, 2.03, 0.4), (67, 3.0, 0.5), (65, 3.5, 1.0)]
    assert quantise(write(tmp_path / "a.mid", notes)) == [60, 60, 64, 64, 67, 65, 65]


def test_tunes_are_cut_into_whole_clips_and_no_tune_is_on_both_sides(tmp_path: Path) -> None:
    folder = tmp_path / "nottingham" / "MIDI" / "melody"
    for number in range(4):
        write(folder / f"{number}.mid", tune(60 + number, 19))
    data = load_data(melodies(root="nottingham"), 16_000, seed=0, data_root=tmp_path)
    assert (len(data.train), len(data.validation)) == (4, 4)
    tunes = [
        {example.source.rpartition("/")[0] for example in side} for side in (data.train, data.validation)
    ]
    assert tunes[0].isdisjoint(tunes[1])
    for example in data.train:
        assert len(example.audio) == 8 * 2560
        start = min(np.asarray(example.labels["pitch"]))
        assert np.asarray(example.labels["pitch"]).tolist() == [start + s for s in (0, 2, 4, 5, 0, 2, 4, 5)]


def test_a_tune_below_the_instrument_moves_by_octaves_and_one_too_wide_is_left_out_by_name(
    tmp_path: Path,
) -> None:
    write(tmp_path / "in" / "low.mid", tune(40, 8))
    write(tmp_path / "in" / "low2.mid", tune(41, 8))
    write(tmp_path / "in" / "wide.mid", [(30, 0.0, 0.5), (110, 0.5, 0.5)])
    data = load_data(melodies(root="in"), 16_000, seed=0, data_root=tmp_path)
    starts = {float(np.asarray(e.labels["pitch"])[0]) for e in (*data.train, *data.validation)}
    assert starts <= {64.0, 65.0}
    assert any("wide.mid is left out" in note for note in data.notes)


def test_the_third_of_three_equal_pitches_becomes_an_earlier_one_unless_that_is_switched_off(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        write(tmp_path / "in" / f"{name}.mid", [*tune(60, 4), (67, 2.0, 2.0)])
    broken = load_data(melodies(root="in"), 16_000, seed=0, data_root=tmp_path).train[0]
    kept = load_data(melodies(root="in", break_runs=False), 16_000, seed=0, data_root=tmp_path).train[0]
    whole = [60.0, 62.0, 64.0, 65.0, 67.0, 67.0, 67.0, 67.0]
    assert np.asarray(kept.labels["pitch"]).tolist() == whole
    found = np.asarray(broken.labels["pitch"]).tolist()
    assert found[:6] == whole[:6]
    assert found != whole
    assert set(found) <= set(whole)


def test_a_file_that_is_no_midi_and_a_second_instrument_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mid").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"a\.mid cannot be read as MIDI"):
        load_data(melodies(root="in"), 16_000, seed=0, data_root=tmp_path)
    with pytest.raises(RecipeError, match="played by one of"):
        load_data(
            {**melodies(root="in"), "instruments": ["harp", "horn"]}, 16_000, seed=0, data_root=tmp_path
        )
