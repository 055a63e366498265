"""What every data source delivers: clips of one instrument, and the notes that sound where they are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

VELOCITY_RANGE_DB = 18.0
"""How much softer a note of velocity 0 is than one of velocity 1."""


@dataclass(frozen=True)
class Note:
    """One note of a monophonic line.

    Args:
        start_s: onset, seconds from the start of the clip.
        end_s: where the release begins.
        pitch_midi: sounding pitch, 69 = 440 Hz; fractions are cents.
        velocity: loudness from 0 (softest) to 1 (loudest).
    """

    start_s: float
    end_s: float
    pitch_midi: float
    velocity: float = 0.8

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, eq=False)
class Clip:
    """A few seconds of one instrument.

    Args:
        audio: mono samples.
        sample_rate: Hz.
        instrument: a name such as "violin".
        source: what the clip was cut or built from; no source is in both training and validation.
        notes: the notes that sound, in order; empty when they are not known.
        stems: what sums to the audio; empty where it is one sound, or they are not known.
    Shape:
        audio [T], float32, stems the same
    """

    audio: Audio
    sample_rate: int
    instrument: str
    source: str
    notes: tuple[Note, ...] = ()
    stems: tuple[Audio, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.audio) / self.sample_rate


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips to train on, clips to judge by, and the card that says where they come from.

    Args:
        train: clips to train on.
        validation: clips of other sources.
        card: JSON-ready description that goes into checkpoints and plugin files.
    """

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    card: Mapping[str, object]


def midi_to_hz(pitch_midi: float) -> float:
    """The frequency of a pitch in equal temperament, 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch_midi - 69.0) / 12.0))


def hz_to_midi(frequency_hz: float) -> float:
    """The inverse of `midi_to_hz`."""
    return float(69.0 + 12.0 * np.log2(frequency_hz / 440.0))


def pitch_contour(notes: tuple[Note, ...], frame_times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pitch that sounds at each time, NaN between notes.

    Args:
        notes: in order; where two overlap the later one counts.
        frame_times_s: times in seconds.
    Shape:
        frame_times_s [N] -> [N], MIDI pitch
    """
    contour = np.full(len(frame_times_s), np.nan)
    for note in notes:
        contour[(frame_times_s >= note.start_s) & (frame_times_s < note.end_s)] = note.pitch_midi
    return contour
