"""What stands between an instrument and a recording: level, a room, background noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentfx.sound.level import set_level
from latentfx.training.data.example import Audio


def reverberate(audio: Audio, sample_rate: int, rng: np.random.Generator) -> Audio:
    """Add a room: exponentially decaying noise, RT60 0.1 to 0.9 s, 30 to 10 dB below the direct sound.

    The direct sound is untouched and the length stays.
    """
    rt60_s = float(rng.uniform(0.1, 0.9))
    wet_db = float(rng.uniform(-30.0, -10.0))
    length = int(rt60_s * sample_rate)
    times_s = np.arange(length) / sample_rate
    response = rng.standard_normal(length) * 10.0 ** (-3.0 * times_s / rt60_s)
    response = np.convolve(response, _darkening(rng), mode="same")
    response[: int(rng.uniform(0.002, 0.015) * sample_rate)] = 0.0
    response *= 10.0 ** (wet_db / 20.0) / np.sqrt(np.sum(response**2))
    size = 1 << int(np.ceil(np.log2(len(audio) + length)))
    spectrum = np.fft.rfft(audio, size) * np.fft.rfft(response, size)
    wet = np.fft.irfft(spectrum, size)[: len(audio)]
    return np.asarray(audio + wet, dtype=np.float32)


def _darkening(rng: np.random.Generator) -> NDArray[np.float64]:
    """A short smoothing kernel: rooms and air absorb high frequencies first."""
    kernel: NDArray[np.float64] = rng.uniform(0.2, 0.7) ** np.arange(12, dtype=np.float64)
    return kernel


def add_noise(audio: Audio, rng: np.random.Generator) -> Audio:
    """Add background noise at -65 to -50 dB of full scale."""
    level = 10.0 ** (float(rng.uniform(-65.0, -50.0)) / 20.0)
    return np.asarray(audio + level * rng.standard_normal(len(audio)), dtype=np.float32)


def place(audio: Audio, sample_rate: int, rng: np.random.Generator, reverb: float, noise: float) -> Audio:
    """Set the level of a dry phrase and, with the given probabilities, add a room and background noise."""
    placed = audio
    if rng.random() < reverb:
        placed = reverberate(placed, sample_rate, rng)
    placed = set_level(placed, sample_rate)
    if rng.random() < noise:
        placed = add_noise(placed, rng)
    return placed
