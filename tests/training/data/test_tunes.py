from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfx.errors import DataError
from latentfx.training.data.example import Note
from latentfx.training.data.instruments import COMMON_RANGE, INSTRUMENTS
from latentfx.training.data.tunes import (
    Tune,
    excerpt,
    find_tunes,
    make_tune,
    perform,
    read_tune,
    transpose,
)

SEEDS = st.integers(0, 2**32 - 1)


def write_midi(path: Path, messages: list[mido.Message], **options: int) -> Path:
    file = mido.MidiFile(ticks_per_beat=480, **options)
    file.tracks.append(mido.MidiTrack(messages))
    file.save(path)
    return path


def test_times_follow_the_tempo_and_a_new_note_ends_the_old_one(tmp_path: Path) -> None:
    messages = [
        mido.Message("note_on", note=60, velocity=127),
        mido.Message("note_off", note=60, time=480),  # one beat at 120 a minute: 0.5 s
        mido.MetaMessage("set_tempo", tempo=1_000_000),
        mido.Message("note_on", note=62, velocity=64, time=480),  # one beat at 60 a minute: 1 s
        mido.Message("note_on", note=64, velocity=64, time=240),
        mido.Message("note_on", note=64, velocity=0, time=240),
        mido.Message("note_off", note=62),
    ]
    tune = read_tune(write_midi(tmp_path / "air.mid", messages))
    assert tune.name == "air"
    assert [(n.start_s, n.end_s, n.pitch_midi) for n in tune.notes] == [
        (0.0, 0.5, 60.0),
        (1.5, 2.0, 62.0),
        (2.0, 2.5, 64.0),
    ]
    assert tune.notes[0].velocity == 1.0


def test_times_agree_with_midos_own_clock(tunes_root: Path) -> None:
    for path in find_tunes(tunes_root):
        assert read_tune(path).notes[-1].end_s == pytest.approx(mido.MidiFile(path).length)


def test_file_that_holds_no_tune_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.mid file"):
        find_tunes(tmp_path)
    damaged = tmp_path / "damaged.mid"
    damaged.write_bytes(b"MThd\x00\x00not a tune")
    with pytest.raises(DataError, match="cannot be read as MIDI"):
        read_tune(damaged)
    with pytest.raises(DataError, match="at least 2"):
        read_tune(write_midi(tmp_path / "one.mid", [mido.Message("note_on", note=60, velocity=64)]))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, instrument=st.sampled_from(sorted(INSTRUMENTS)))
def test_a_performance_stays_in_range_time_and_order(seed: int, instrument: str) -> None:
    rng = np.random.default_rng(seed)
    known = INSTRUMENTS[instrument]
    line = excerpt(make_tune(8.0, rng), 4.0, rng)
    moved = transpose(line, known.lowest, known.highest, rng)
    notes = perform(moved, 4.0, rng)
    assert len(notes) >= 3
    assert all(known.lowest <= note.pitch_midi <= known.highest for note in moved)
    assert all(abs(note.pitch_midi - round(note.pitch_midi)) <= 0.1 for note in notes)
    assert all(0.0 <= note.velocity <= 1.0 and 0.03 <= note.duration_s <= 1.2 for note in notes)
    assert all(before.end_s <= after.start_s for before, after in pairwise(notes))
    assert notes[0].start_s >= 0.0
    assert notes[-1].end_s <= 4.0


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, lowest=st.floats(30, 80), width=st.floats(12.01, 30))
def test_line_is_moved_into_any_range_of_an_octave_or_more(seed: int, lowest: float, width: float) -> None:
    rng = np.random.default_rng(seed)
    moved = transpose(make_tune(6.0, rng).notes, lowest, lowest + width, rng)
    assert all(lowest <= note.pitch_midi <= lowest + width for note in moved)


def test_transposition_keeps_intervals_and_narrow_ranges_are_refused() -> None:
    rng = np.random.default_rng(0)
    notes = make_tune(4.0, rng).notes
    moved = transpose(notes, 30.0, 100.0, rng)
    assert len({round(a.pitch_midi - b.pitch_midi, 6) for a, b in zip(notes, moved, strict=True)}) == 1
    with pytest.raises(DataError, match="narrower than an octave"):
        transpose(notes, 60.0, 71.0, rng)


def test_most_lines_lie_in_the_common_range() -> None:
    rng = np.random.default_rng(0)
    notes = (Note(0.0, 0.5, 60.0), Note(0.5, 1.0, 65.0))
    cello = INSTRUMENTS["cello"]
    lines = [transpose(notes, cello.lowest, cello.highest, rng) for _ in range(200)]
    common = [all(COMMON_RANGE[0] <= n.pitch_midi <= COMMON_RANGE[1] for n in line) for line in lines]
    assert 0.7 < np.mean(common) < 0.95


def test_a_short_tune_is_repeated_to_fill_the_time() -> None:
    tune = Tune("two", (Note(0.0, 0.3, 60.0), Note(0.3, 0.6, 62.0)))
    notes = excerpt(tune, 4.0, np.random.default_rng(0))
    assert notes[-1].end_s > 3.5
    assert [n.pitch_midi for n in notes[:4]] in ([60.0, 62.0, 60.0, 62.0], [62.0, 60.0, 62.0, 60.0])


def test_the_same_seed_makes_the_same_tune() -> None:
    first, again, other = (make_tune(5.0, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
