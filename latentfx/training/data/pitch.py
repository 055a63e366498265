"""The pitch of a single recorded note whose name is known roughly."""

from __future__ import annotations

import re

import numpy as np

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
    """Measure the pitch of a steady note: the least average difference to itself, one period later.

    Args:
        audio: the note; its middle second is used.
        near_midi: what it is called; the search goes 1.5 semitones to either side.
    Shape:
        audio [T]
    Raises:
        DataError: no period of that length is in the audio.
    Source: de Cheveigne & Kawahara 2002 (YIN), difference function with parabolic interpolation.
    """
    shortest = int(sample_rate / midi_to_hz(near_midi + SEARCH_ST)) - 1
    longest = int(sample_rate / midi_to_hz(near_midi - SEARCH_ST)) + 2
    middle = len(audio) // 2
    span = audio[max(0, middle - sample_rate // 2) : middle + sample_rate // 2].astype(np.float64)
    length = len(span) - longest
    if shortest < 2 or length < 2 * longest:
        raise DataError(f"{len(audio)} samples are too few to measure a pitch near MIDI {near_midi:g}")
    lags = np.arange(shortest, longest + 1)
    energy = np.concatenate([[0.0], np.cumsum(span**2)])
    size = 1 << (len(span) + length - 1).bit_length()
    products = np.fft.irfft(np.conj(np.fft.rfft(span[:length], size)) * np.fft.rfft(span, size), size)[lags]
    difference = energy[length] + energy[lags + length] - energy[lags] - 2.0 * products
    best = int(np.argmin(difference))
    if not 0 < best < len(lags) - 1:
        raise DataError(
            f"the sound is not within {SEARCH_ST} semitones of MIDI {near_midi:g}; correct its label"
        )
    before, here, after = difference[best - 1 : best + 2]
    bend = before - 2.0 * here + after
    offset = 0.5 * (before - after) / bend if bend > 0.0 else 0.0
    return hz_to_midi(sample_rate / (float(lags[best]) + offset))
