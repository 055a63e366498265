"""The last thing before the loudspeaker, or before a file that holds no more than full scale."""

from __future__ import annotations

import math

import numpy as np

from latentfx.arrays import Float32
from latentfx.sound.level import peak

AHEAD_S = 0.005
# How far the gain falls over half of the time that it looks ahead, dB; the rest of a deeper fall is at once.
FALL_DB = 12.0


class Limiter:
    """Keeps samples within full scale: falls, recovers slowly, leaves everything else as it is.

    It falls at once. Where it may look ahead, it falls over the first half of that time, in a straight line
    of decibels, and stays down for the other half, until the loud sample: crests keep their form.

    Args:
        sample_rate: Hz.
        ceiling: largest magnitude let out.
        recovery_db_s: how fast the gain comes back, in dB a second.
        ahead: samples by which it looks ahead, and by which its output is late.
    """

    def __init__(
        self, sample_rate: float, ceiling: float = 1.0, recovery_db_s: float = 60.0, ahead: int = 0
    ) -> None:
        self.ceiling = ceiling
        self.gain = 1.0
        self.blocks = 0
        self.ahead = ahead
        self._slope = recovery_db_s / 20 * np.log(10) / sample_rate
        self._stays = ahead // 2
        self._fall = FALL_DB / 20 * np.log(10) / max(ahead - self._stays, 1)
        self._waiting: Float32 | None = None

    def process(self, audio: Float32) -> float:
        """Limit in place; without looking ahead.

        Returns:
            The largest magnitude that is let out.
        Shape:
            audio [C, T]
        """
        loudest = peak(audio)
        if self.gain == 1.0 and loudest <= self.ceiling:
            return loudest
        self._turn_down(audio, np.log(self.ceiling / np.maximum(np.abs(audio).max(axis=0), 1e-30)))
        return peak(audio)

    def push(self, audio: Float32) -> Float32:
        """Limit the next samples, late by `ahead`; the first ones that come out are fewer.

        Shape:
            audio [C, T] -> [C, T], or less at the start
        """
        waiting = audio[:, :0] if self._waiting is None else self._waiting
        audio = np.concatenate([waiting, audio], axis=1)
        ready = max(0, audio.shape[1] - self.ahead)
        self._waiting = audio[:, ready:].copy()
        return self._limited(audio, ready)

    def flush(self) -> Float32:
        """The last samples.

        Shape:
            -> [C, T], at most `ahead` samples
        """
        rest = self._waiting
        self._waiting = None
        if rest is None:
            return np.zeros((0, 0), np.float32)
        padded = np.concatenate([rest, np.zeros((rest.shape[0], self.ahead), np.float32)], axis=1)
        return self._limited(padded, rest.shape[1])

    def _limited(self, audio: Float32, ready: int) -> Float32:
        """The first samples, turned down for what comes after them too."""
        out = audio[:, :ready].copy()
        if not ready or (self.gain == 1.0 and peak(audio) <= self.ceiling):
            return out
        needed = np.log(self.ceiling / np.maximum(np.abs(audio).max(axis=0), 1e-30))
        coming = needed[:ready].copy()
        for later in range(1, self.ahead + 1):
            np.minimum(
                coming, needed[later : later + ready] + max(0, later - self._stays) * self._fall, out=coming
            )
        if self.gain < 1.0 or coming.min() < 0.0:
            self._turn_down(out, coming)
        return out

    def _turn_down(self, audio: Float32, needed: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        """Apply the highest gain that keeps below what is needed and recovers slowly, in place."""
        self.blocks += 1
        # In log gain: the lowest of what each sample so far needed, and of what has come back since.
        steps = np.arange(1, audio.shape[1] + 1) * self._slope
        needed[0] = min(needed[0], np.log(self.gain) + self._slope)
        level = np.minimum(np.minimum.accumulate(needed - steps) + steps, 0.0)
        audio *= np.exp(level).astype(np.float32)
        np.clip(audio, -self.ceiling, self.ceiling, out=audio)
        self.gain = float(np.exp(level[-1]))
        if self.gain > 1 - 1e-6:
            self.gain = 1.0


def file_limiter(sample_rate: float) -> Limiter:
    """The limiter of a file: it looks ahead, and its samples are held back until it has."""
    return Limiter(sample_rate, ahead=math.ceil(AHEAD_S * sample_rate))
