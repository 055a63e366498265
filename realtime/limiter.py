"""The last thing before the loudspeaker."""

from __future__ import annotations

import numpy as np

from latentfx.arrays import Float32

from .mixing import peak


class Limiter:
    """Keeps samples within full scale: falls at once, recovers slowly, leaves everything else as it is.

    Args:
        ceiling: largest magnitude let out.
        sample_rate: Hz.
        recovery_db_s: how fast the gain comes back, in dB a second.
    """

    def __init__(self, sample_rate: float, ceiling: float = 1.0, recovery_db_s: float = 60.0) -> None:
        self.ceiling = ceiling
        self.gain = 1.0
        self.blocks = 0
        self._slope = recovery_db_s / 20 * np.log(10) / sample_rate

    def process(self, audio: Float32) -> float:
        """Limit in place.

        Returns:
            The largest magnitude that is let out.
        Shape:
            audio [C, T]
        """
        loudest = peak(audio)
        if self.gain == 1.0 and loudest <= self.ceiling:
            return loudest
        self.blocks += 1
        # In log gain: the lowest of what each sample so far needed, and of what has come back since.
        steps = np.arange(1, audio.shape[1] + 1) * self._slope
        needed = np.log(self.ceiling / np.maximum(np.abs(audio).max(axis=0), 1e-30))
        needed[0] = min(needed[0], np.log(self.gain) + self._slope)
        level = np.minimum(np.minimum.accumulate(needed - steps) + steps, 0.0)
        audio *= np.exp(level).astype(np.float32)
        np.clip(audio, -self.ceiling, self.ceiling, out=audio)
        self.gain = float(np.exp(level[-1]))
        if self.gain > 1 - 1e-6:
            self.gain = 1.0
        return peak(audio)
