from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db
from latentfx.training.data.example import Note, hz_to_midi
from latentfx.training.data.folder import find_recordings
from latentfx.training.data.note_bank import Articulation, NoteBank
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.recording import Recording

RATE = 16000
LINE = (
    Note(0.1, 0.5, 60.05, 0.9),
    Note(0.52, 0.9, 62.93, 0.9),
    Note(1.0, 1.7, 69.0, 0.9),
    Note(1.72, 2.3, 57.9, 0.9),
)


def bank(root: Path, instrument: str = "violin", **articulation: float) -> NoteBank:
    notes = [item for item in find_recordings(root, (f"notes/{instrument}/*",)) if item.is_note]
    return NoteBank(notes, RATE, Articulation(**articulation))


@pytest.mark.parametrize("vibrato", [0.0, 1.0])
@pytest.mark.parametrize("legato", [0.0, 1.0])
def test_every_note_sounds_at_its_pitch(bank_root: Path, vibrato: float, legato: float) -> None:
    audio, notes = bank(bank_root, vibrato=vibrato, legato=legato).play(LINE, 2.5, np.random.default_rng(0))
    assert audio.shape == (round(2.5 * RATE),)
    assert audio.dtype == np.float32
    for note in notes:
        inside = audio[round((note.start_s + 0.07) * RATE) : round((note.end_s - 0.01) * RATE)]
        assert measure_pitch(inside, RATE, round(note.pitch_midi)) == pytest.approx(note.pitch_midi, abs=0.15)


def test_notes_start_where_the_line_says_though_recordings_start_with_silence(bank_root: Path) -> None:
    audio, _ = bank(bank_root, vibrato=0.0, legato=0.0).play(LINE[2:3], 2.5, np.random.default_rng(0))
    levels_db = frame_levels_db(audio, RATE // 200)
    onset_s = np.argmax(levels_db > levels_db.max() - 12.0) / 200
    assert onset_s == pytest.approx(1.0, abs=0.03)
    assert levels_db[round(1.8 * 200) :].max() < -60.0


def test_velocity_is_loudness_over_18_db(bank_root: Path) -> None:
    violin = bank(bank_root, vibrato=0.0)
    levels = []
    for velocity in (0.0, 1.0):
        line = (replace(LINE[2], velocity=velocity),)
        audio, _ = violin.play(line, 2.5, np.random.default_rng(0))
        levels.append(20 * np.log10(np.std(audio)))
    assert levels[1] - levels[0] == pytest.approx(18.0, abs=0.01)


def test_a_recording_that_is_too_short_ends_its_note_early(tmp_path: Path, bank_root: Path) -> None:
    source = find_recordings(bank_root, ("notes/violin/violin_61.flac",))[0]
    audio, rate = soundfile.read(source.file)
    soundfile.write(tmp_path / "short.flac", audio[: round(0.8 * rate)], rate)
    short = NoteBank([replace(source, file=tmp_path / "short.flac")], RATE, Articulation(vibrato=0.0))
    _, (note,) = short.play((Note(0.0, 1.5, 61.0, 1.0),), 2.0, np.random.default_rng(0))
    assert 0.35 < note.end_s < 0.55


def test_lines_reach_as_far_beyond_the_notes_as_told(bank_root: Path) -> None:
    near, far = bank(bank_root, reach_st=0.0), bank(bank_root, reach_st=2.0)
    assert near.lowest == pytest.approx(55, abs=0.6)
    assert near.highest == pytest.approx(75, abs=0.6)
    assert (near.lowest - far.lowest, far.highest - near.highest) == (2.0, 2.0)


def test_pitch_of_a_recorded_note_is_measured_whatever_its_label_says(bank_root: Path) -> None:
    """The labels of this bank are up to 60 cents off; its f0_hz_yin is exact."""
    with (bank_root / "manifest.csv").open(newline="") as file:
        true_hz = {row["path"]: row["f0_hz_yin"] for row in csv.DictReader(file)}
    recordings = find_recordings(bank_root, ("notes/*",))
    off = []
    for recording, note in zip(recordings, NoteBank(recordings, RATE).notes, strict=True):
        true_midi = hz_to_midi(float(true_hz[recording.name]))
        assert note.pitch_midi == pytest.approx(true_midi, abs=0.02)
        off.append(abs(true_midi - recording.pitch_midi))
    assert max(off) > 0.4


def test_unusable_notes_are_named(tmp_path: Path, bank_root: Path) -> None:
    with pytest.raises(DataError, match="none were given"):
        NoteBank([], RATE)
    phrase = find_recordings(bank_root, ("phrases/violin/mov0.flac",))[0]
    with pytest.raises(DataError, match=r"phrases/violin/mov0\.flac has no pitch"):
        NoteBank([phrase], RATE)
    soundfile.write(tmp_path / "A4.wav", np.zeros(RATE), RATE)
    with pytest.raises(DataError, match="silent"):
        NoteBank([Recording(tmp_path / "A4.wav", "A4.wav", "note", "violin", 69.0, "")], RATE)
