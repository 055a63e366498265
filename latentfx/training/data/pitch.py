"""The pitch of a single recorded note whose name is known roughly."""

from __future__ import annotations

import re

import librosa
import numpy as np
import soxr

from latentfx.errors import DataError
from latentfx.training.data.example import Audio, hz_to_midi, midi_to_hz

SEARCH_ST = 1.5
NOTE_NAME = re.compile(r"(?:^|[^A-Za-z0-9])([A-G])([#sb]?)(-?\d)(?![A-Za-z0-9])")
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "s": 1, "b": -1}


def pitch_of_name(file_stem: str) -> float | None:
    """The pitch that a file name states, such as 69 for `violin_A4_sulA`; C4 = 60. None without one.

    >>> pitch_of_name("violin_Gs4_sulD"), pitch_of_name("Bb3"), pitch_of_name("movement")
    (68.0, 58.0, None)
    """
    found = NOTE_NAME.search(file_stem)
    if found is None:
        return None
    letter, accidental, octave = found.groups()
    return float(12 * (int(octave) + 1) + SEMITONES[letter] + ACCIDENTALS[accidental])


def measure_pitch(audio: Audio, sample_rate: int, near_midi: float) -> float:
    """Measure the pitch of a steady note with YIN, in one frame over its middle second.

    Args:
        audio: the note.
        near_midi: what it is called; the search goes 1.5 semitones to either side.
    Shape:
        audio [T]
    Raises:
        DataError: the note is shorter than three periods, or no period of that length is in the audio.
    Source: de Cheveigne & Kawahara 2002 (YIN), as in librosa.
    """
    rate = 4 * sample_rate  # finer lags: between them a parabola is fitted, which errs on short periods
    lowest_hz, highest_hz = midi_to_hz(near_midi - SEARCH_ST), midi_to_hz(near_midi + SEARCH_ST)
    shortest, longest = int(rate / highest_hz), int(np.ceil(rate / lowest_hz))
    middle = len(audio) // 2
    cut = audio[max(0, middle - sample_rate // 2) : middle + sample_rate // 2]
    span = soxr.resample(cut.astype(np.float64), sample_rate, rate)
    if shortest < 4 or len(span) < 3 * longest:
        raise DataError(f"{len(audio)} samples are too few to measure a pitch near MIDI {near_midi:g}")
    # A threshold of 0 takes the deepest trough, not the first deep one: strong overtones have deep ones too.
    (f0_hz,) = librosa.yin(
        span,
        fmin=lowest_hz,
        fmax=highest_hz,
        sr=rate,
        frame_length=len(span),
        hop_length=len(span),
        trough_threshold=0.0,
        center=False,
    )
    if not shortest + 0.01 < rate / f0_hz < longest - 0.01:
        raise DataError(
            f"the sound is not within {SEARCH_ST} semitones of MIDI {near_midi:g}; correct its label"
        )
    return hz_to_midi(float(f0_hz))
