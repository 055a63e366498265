"""How much of a tone a sound is: 1 for notes, near 0 for noise and clicks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32

_FRAME_S: Final = 0.085
_MOST_FRAMES: Final = 200
_HIGHEST_HZ: Final = 5000
_AROUND_HZ: Final = 1000
_PERIODS_S: Final = (1 / 1000, 1 / 60)
_FLOOR: Final = 1e-3


def tonality(audio: Float32, sample_rate: float) -> float:
    """How strongly a sound repeats itself at some period of 1 to 17 ms: the median over its loud frames.

    The spectrum is whitened first, so that the colour of a noise is not taken for a tone. Notes of
    instruments have 0.9, breathy ones 0.7, songs 0.4, drums 0.2, white noise 0.1.

    Shape:
        audio [T] -> a number from 0 to 1; 0 for what is shorter than a frame of 0.085 s
    """
    size = 1 << int(np.ceil(np.log2(_FRAME_S * sample_rate)))
    frames = audio[: len(audio) // size * size].reshape(-1, size).astype(np.float64)
    power = np.mean(np.square(frames), axis=1)
    frames = frames[power >= 0.01 * np.max(power, initial=0.0)]
    frames = frames[np.linspace(0, len(frames) - 1, min(len(frames), _MOST_FRAMES)).astype(int)]
    if not len(frames):
        return 0.0
    bins, width = (int(2 * size * min(hz / sample_rate, 0.5)) for hz in (_HIGHEST_HZ, _AROUND_HZ))
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(size)
    power = _whitened(np.abs(np.fft.rfft(frames, 2 * size))[:, :bins], width) ** 2
    correlation = np.fft.irfft(power, 4 * bins)
    first, last = (int(period * sample_rate * 4 * bins / (2 * size)) for period in _PERIODS_S)
    whole = np.maximum(correlation[:, 0], 1e-20)
    return float(np.median(correlation[:, first:last].max(axis=1) / whole))


def _whitened(spectra: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Divide spectra by what is usual around each bin.

    Shape:
        spectra [N, F] -> the same
    """
    around = np.ones(width | 1) / (width | 1)
    edge = width // 2
    usual = [np.convolve(np.pad(row, edge, mode="reflect"), around, "valid") for row in spectra]
    floor = _FLOOR * spectra.max(axis=1, keepdims=True) + 1e-12
    whitened: NDArray[np.float64] = spectra / (np.array(usual)[:, : spectra.shape[1]] + floor)
    return whitened
