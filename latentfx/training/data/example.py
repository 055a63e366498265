"""What every source of data delivers: examples, and the notes that sound where they are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import DataError

Audio = NDArray[np.float32]
Label = str | float | NDArray[Any]

VELOCITY_RANGE_DB = 18.0
"""How much softer a note of velocity 0 is than one of velocity 1."""


@dataclass(frozen=True)
class Note:
    """One note of a monophonic line.

    Args:
        start_s: onset, seconds from the start of the example.
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
class Example:
    """What a model is shown as one piece: arrays of some seconds, and what is known about them.

    Two kinds of label are told apart by their type. A text or a number holds for the whole example. An array
    [N] holds one value for each of N frames of equal length, which together last as long as the example.

    Args:
        arrays: by name: `audio` [T] is mono sound, `stems` [S, T] are the sounds that sum to it; a source may
            add others, such as `notes` [N, F, 5] or `video` [N, 3, H, W].
        rate: values of the time axis in a second: the sample rate where there is audio, else the frame rate.
        labels: by factor: `instrument`, `pitch`, `phoneme`, `x` ...
        source: the recording or generated phrase that the example comes from. No source is in both training
            and validation.
        notes: the notes that sound, in order; empty when they are not known.
    Shape:
        audio [T], stems [S, T], any other array [N, ...]; audio and stems are float32
    Raises:
        DataError: no array, or a rate that is not above 0.
    """

    arrays: Mapping[str, NDArray[Any]]
    rate: float
    labels: Mapping[str, Label]
    source: str
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        if not self.arrays or not 0.0 < self.rate < math.inf:
            raise DataError(
                f"example {self.source!r} has the arrays {sorted(self.arrays)} at the rate {self.rate!r}; "
                "wanted one array or more, and a rate above 0: mend the source that makes it"
            )

    @classmethod
    def of_audio(
        cls,
        audio: Audio,
        sample_rate: int,
        instrument: str,
        source: str,
        notes: tuple[Note, ...] = (),
        stems: Sequence[Audio] = (),
    ) -> Example:
        """Make an example of sound with one label, its instrument.

        Args:
            audio: mono samples.
            sample_rate: Hz.
            instrument: a name such as "violin".
            source: the recording or generated phrase that it comes from.
            notes: the notes that sound, in order.
            stems: the sounds that sum to the audio; empty where they are not known.
        Shape:
            audio [T], each stem [T]
        """
        arrays = {"audio": audio, "stems": np.stack(stems)} if len(stems) else {"audio": audio}
        return cls(arrays, float(sample_rate), {"instrument": instrument}, source, notes)

    @property
    def audio(self) -> Audio:
        """Mono samples.

        Shape:
            -> [T]
        Raises:
            DataError: the example has no sound.
        """
        return self._array("audio")

    @property
    def stems(self) -> Audio:
        """The sounds that sum to the audio; no rows where they are not known.

        Shape:
            -> [S, T]
        """
        known = self.arrays.get("stems")
        return np.zeros((0, len(self.audio)), dtype=np.float32) if known is None else known

    @property
    def sample_rate(self) -> int:
        """Samples of the audio in a second."""
        return round(self.rate)

    @property
    def instrument(self) -> str:
        """The label `instrument`; "" where the example has none."""
        return str(self.labels.get("instrument", ""))

    @property
    def duration_s(self) -> float:
        """How long the audio lasts, or the first array where there is no audio."""
        timed = self.arrays.get("audio", next(iter(self.arrays.values())))
        return len(timed) / self.rate

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self.arrays:
            raise DataError(
                f"example {self.source!r} has no array {name!r}, only {sorted(self.arrays)}; "
                "train this method on a kind of data that has it"
            )
        return self.arrays[name]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to train on, examples to judge by, and the card that says where they come from.

    Args:
        train: examples to train on; any sequence, also one that makes an example when it is asked for it.
        validation: examples of other sources.
        card: JSON-ready description that goes into checkpoints and plugin files.
        notes: lines for the user: files that were passed over, and why.
    """

    train: Sequence[Example]
    validation: Sequence[Example]
    card: Mapping[str, object]
    notes: tuple[str, ...] = ()


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
