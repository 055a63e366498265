from __future__ import annotations

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data.example import Note, hz_to_midi, midi_to_hz, pitch_contour
from latentfx.training.data.pitch import measure_pitch, pitch_of_name


@pytest.mark.parametrize("pitch_midi", [34.2, 48.0, 60.37, 69.0, 88.8])
@pytest.mark.parametrize("harmonics", [(1.0,), (0.02, 1.0, 0.8, 0.5), (1.0, 0.0, 0.6, 0.0, 0.4)])
def test_a_tone_measures_within_a_cent(pitch_midi: float, harmonics: tuple[float, ...]) -> None:
    times_s = np.arange(24000) / 48000
    f0_hz = midi_to_hz(pitch_midi)
    audio = sum(g * np.sin(2 * np.pi * f0_hz * k * times_s) for k, g in enumerate(harmonics, start=1))
    measured = measure_pitch(np.asarray(audio, dtype=np.float32), 48000, round(pitch_midi) + 0.4)
    assert measured == pytest.approx(pitch_midi, abs=0.01)


def test_short_high_note_at_a_low_rate_measures_within_half_a_cent() -> None:
    times_s = np.arange(8000) / 16000
    for pitch_midi in (82.3, 85.7, 88.1, 94.3):
        harmonics = (np.sin(2 * np.pi * midi_to_hz(pitch_midi) * k * times_s) / k for k in (1, 2, 3, 4))
        audio = np.asarray(sum(harmonics), dtype=np.float32)
        assert measure_pitch(audio, 16000, round(pitch_midi)) == pytest.approx(pitch_midi, abs=0.005)


def test_note_far_from_its_label_or_too_short_is_refused() -> None:
    audio = np.sin(2 * np.pi * 440 * np.arange(24000) / 48000).astype(np.float32)
    with pytest.raises(DataError, match="correct its label"):
        measure_pitch(audio, 48000, 75.0)
    with pytest.raises(DataError, match="too few"):
        measure_pitch(audio[:300], 48000, 69.0)


@pytest.mark.parametrize(
    ("stem", "pitch"),
    [
        ("A4", 69),
        ("violin_Gs4_sulD", 68),
        ("soft-Bb3-2", 58),
        ("C-1", 0),
        ("F#2", 42),
        ("mov3", None),
        ("CA4", None),
    ],
)
def test_pitch_is_read_from_the_name_of_a_file(stem: str, pitch: float | None) -> None:
    assert pitch_of_name(stem) == pitch


def test_hz_and_midi_are_inverse() -> None:
    assert hz_to_midi(midi_to_hz(61.3)) == pytest.approx(61.3)


def test_a_contour_follows_the_notes_and_rests() -> None:
    notes = (Note(0.0, 0.5, 60.0), Note(0.7, 1.0, 64.5))
    contour = pitch_contour(notes, np.array([0.1, 0.6, 0.7, 0.99, 1.0]))
    np.testing.assert_array_equal(contour, [60.0, np.nan, 64.5, 64.5, np.nan])
