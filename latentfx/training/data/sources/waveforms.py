"""`waveforms`: steady waveforms on a whole grid of shape, amplitude and frequency; needs no data.

The grid of SynTone by default: 4 shapes x 20 amplitudes x 400 frequencies, a second each. As published, the
time axis has both ends (so that a second is one sample short), and shapes are computed sample by sample:
above a few hundred hertz triangle, sawtooth and square alias. `bandlimited` adds up their harmonics instead.

Source: Brima, Krumnack, Pika, Heidemann, "Learning disentangled audio representations through controlled
synthesis", 2024, and its code.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sawtooth, square

from latentfx.errors import RecipeError
from latentfx.training.data.example import Audio, Example
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made

SHAPES = ("sine", "triangle", "sawtooth", "square")
"""In the order in which SynTone numbers them."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Tone:
    """One point of the grid."""

    shape: str
    amplitude: float
    frequency_hz: float


@dataclass(frozen=True)
class Waveforms(DataSource):
    """Every waveform of a grid; a share of them, drawn at random, is kept for validation.

    Examples have the labels `waveform` (a name), `amplitude` and `frequency` (Hz).

    Args:
        shapes: names of `SHAPES`.
        amplitudes: steps from `lowest_amplitude` to `highest_amplitude`.
        frequencies: steps from `lowest_hz` to `highest_hz`.
        seconds: length of each.
        bandlimited: leave out harmonics above half the sample rate.
    """

    limits: ClassVar = {
        "amplitudes": (1, 1000),
        "frequencies": (1, 10_000),
        "lowest_amplitude": (1e-6, 1.0),
        "highest_amplitude": (1e-6, 1.0),
        "lowest_hz": (1.0, 1e5),
        "highest_hz": (1.0, 1e5),
        "seconds": (0.1, 60.0),
    }
    by_instrument: ClassVar[bool] = False
    shapes: tuple[str, ...] = SHAPES
    amplitudes: int = 20
    lowest_amplitude: float = 0.1
    highest_amplitude: float = 1.0
    frequencies: int = 400
    lowest_hz: float = 440.0
    highest_hz: float = 8000.0
    seconds: float = 1.0
    bandlimited: bool = False

    def __post_init__(self) -> None:
        wrong = [name for name in self.shapes if name not in SHAPES]
        if wrong or not self.shapes:
            raise RecipeError(f"shapes of a waveforms part are {self.shapes!r}; allowed {', '.join(SHAPES)}")

    def grid(self) -> list[Tone]:
        """Every point: frequency outermost, then amplitude, then shape."""
        frequencies = np.linspace(self.lowest_hz, self.highest_hz, self.frequencies).tolist()
        amplitudes = np.linspace(self.lowest_amplitude, self.highest_amplitude, self.amplitudes).tolist()
        points = itertools.product(frequencies, amplitudes, self.shapes)
        return [Tone(shape, amplitude, frequency) for frequency, amplitude, shape in points]

    def make(self, job: Job) -> Made:
        """Outline both sides; a frequency's examples are made when they are read."""
        grid = self.grid()
        held = np.zeros(len(grid), dtype=bool)
        order = job.shared_rng("waveforms").permutation(len(grid))
        held[order[: round(job.validation * len(grid))]] = True
        step = self.amplitudes * len(self.shapes)
        sides: dict[bool, list[Group]] = {False: [], True: []}
        for start in range(0, len(grid), step):
            for side in sides:
                chosen = [i for i in range(start, start + step) if held[i] == side]
                tones = {f"{job.kind}-{job.index}/{i}": grid[i] for i in chosen}
                known = [Outline(name, "", self.seconds) for name in tones]
                make = functools.partial(self._examples, tones, job.sample_rate)
                sides[side].append(Group(known, make))
        return Made(Side(sides[False]), Side(sides[True]), {"licence": {"generated": len(grid)}})

    def _examples(self, tones: dict[str, Tone], sample_rate: int) -> Sequence[Example]:
        return [
            Example(
                {"audio": play(tone, sample_rate, self.seconds, self.bandlimited)},
                float(sample_rate),
                {"waveform": tone.shape, "amplitude": tone.amplitude, "frequency": tone.frequency_hz},
                name,
            )
            for name, tone in tones.items()
        ]


def play(tone: Tone, sample_rate: int, seconds: float, bandlimited: bool = False) -> Audio:
    """A steady waveform.

    Args:
        sample_rate: Hz.
        seconds: length; both ends belong to it.
        bandlimited: leave out harmonics above half the sample rate.
    Shape:
        -> [T], T = seconds * sample_rate
    """
    turns = tone.frequency_hz * np.linspace(0.0, seconds, round(seconds * sample_rate))
    if bandlimited:
        wave = _harmonics(tone.shape, turns, int(0.5 * sample_rate / tone.frequency_hz))
    else:
        wave = _naive(tone.shape, 2.0 * np.pi * turns)
    return np.asarray(tone.amplitude * wave, dtype=np.float32)


def _naive(shape: str, phase: Float64) -> Float64:
    if shape == "sine":
        return np.sin(phase)
    if shape == "square":
        return np.asarray(square(phase))
    return np.asarray(sawtooth(phase, 0.5 if shape == "triangle" else 1.0))


def _harmonics(shape: str, turns: Float64, highest: int) -> Float64:
    """The Fourier series up to harmonic `highest`, the first one at least."""
    wave = np.zeros_like(turns)
    for number in range(1, max(highest, 1) + 1):
        angle = 2.0 * np.pi * number * turns
        odd = number % 2 == 1
        if shape == "sine" and number == 1:
            wave += np.sin(angle)
        elif shape == "sawtooth":
            wave -= 2.0 / (np.pi * number) * np.sin(angle)
        elif shape == "square" and odd:
            wave += 4.0 / (np.pi * number) * np.sin(angle)
        elif shape == "triangle" and odd:
            wave -= 8.0 / (np.pi * number) ** 2 * np.cos(angle)
    return wave
