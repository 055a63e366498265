"""What an eye wants to see of the sound: the pitch that comes in, and the spectrum of what is heard."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32

from .stats import SILENCE_DB

BANDS: Final = 28
LOWEST_BAND_HZ: Final = 40.0
_WINDOW_S: Final = 0.085
_LOWEST_HZ: Final = 50.0
_SILENT: Final = 10 ** (-55 / 20)
_CLEAR: Final = 0.2
_LOBE: Final = 1.5  # bins over which the window spreads a tone
_A4_HZ, _A4_NOTE = 440.0, 69


class Scope:
    """Keeps the last samples for those who look; while nobody does, it keeps none.

    The thread that plays only writes, and never waits: who looks may see a seam between old and new samples.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: float) -> None:
        self._rate = sample_rate
        self._size = 1 << round(np.log2(_WINDOW_S * sample_rate))
        self._kept = np.zeros((2, self._size), np.float32)
        self._at = 0
        self.watched = False
        self._window = np.hanning(self._size).astype(np.float32)
        self._scale = (2 / self._window.sum()) ** 2 / 2 / _LOBE
        edges = LOWEST_BAND_HZ * 2.0 ** ((np.arange(BANDS + 1) - 0.5) / 3) * self._size / sample_rate
        self._edges = np.clip(np.round(edges).astype(int), 1, self._size // 2)

    def hear(self, audio: Float32, out: Float32) -> None:
        """Keep the first channel of what came in and of what is heard.

        Shape:
            audio [C_in, T], out [C_out, T]
        """
        if not self.watched:
            return
        size = min(out.shape[1], self._size)
        first = min(size, self._size - self._at)
        for row, block in zip(self._kept, (audio[0], out[0]), strict=True):
            row[self._at : self._at + first] = block[:first]
            row[: size - first] = block[first:size]
        self._at = (self._at + size) % self._size

    def spectrum(self) -> list[float]:
        """What is heard, in dB of full scale, in bands of a third of an octave from `LOWEST_BAND_HZ`."""
        power = np.abs(np.fft.rfft(self._last(1) * self._window)) ** 2 * self._scale
        total = np.concatenate([[0.0], np.cumsum(power)])
        low, high = self._edges[:-1], np.maximum(self._edges[1:], self._edges[:-1] + 1)
        bands = 10 * np.log10(np.maximum(total[high] - total[low], 1e-12))
        return [round(max(band, SILENCE_DB), 1) for band in bands.tolist()]

    def note(self) -> float | None:
        """The pitch of what comes in, as a MIDI note with decimals; None where there is none.

        Source: de Cheveigne & Kawahara 2002, "YIN".
        """
        audio = self._last(0)
        longest = min(int(self._rate / _LOWEST_HZ), self._size // 2)
        still = self._size - longest
        if np.sqrt(np.mean(audio**2)) < _SILENT:
            return None
        change = _difference(audio, still, longest)
        share = change * np.arange(1, longest + 1) / np.maximum(np.cumsum(change), 1e-12)
        low = np.flatnonzero(share < _CLEAR)
        if not low.size:
            return None
        at = int(low[0])
        while at + 1 < longest and share[at + 1] < share[at]:
            at += 1
        period = at + 1 + _vertex(share[max(at - 1, 0) : at + 2])
        return round(_A4_NOTE + 12 * float(np.log2(self._rate / period / _A4_HZ)), 2)

    def _last(self, row: int) -> Float32:
        """The samples that are kept, the oldest first.

        Shape:
            -> [size]
        """
        return np.roll(self._kept[row], -self._at)


def _difference(audio: Float32, still: int, longest: int) -> Float32:
    """How much a piece differs from the one so many samples later.

    Shape:
        audio [T] -> [longest], for 1, 2, ... samples
    """
    size = 2 * len(audio)
    spectra = np.fft.rfft(audio[:still], size), np.fft.rfft(audio, size)
    alike = np.fft.irfft(np.conj(spectra[0]) * spectra[1], size)[: longest + 1]
    power = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])
    later = power[still : still + longest + 1] - power[: longest + 1]
    difference: Float32 = np.maximum(later[0] + later - 2 * alike, 0.0)[1:].astype(np.float32)
    return difference


def _vertex(three: NDArray[np.floating[Any]]) -> float:
    """Where between three neighbours the lowest place is, from the middle one."""
    if len(three) < 3:
        return 0.0
    left, middle, right = (float(value) for value in three)
    bend = left - 2 * middle + right
    return 0.0 if bend <= 0 else min(max(0.5 * (left - right) / bend, -0.5), 0.5)
