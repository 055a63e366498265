"""From the voice that plays to one that takes over, without a click."""

from __future__ import annotations

from typing import Final

import numpy as np

from latentfx.arrays import Float32

from .mixing import MAX_BLOCK
from .voice import Voice

_LENGTH_S: Final = 0.05


class Crossfade:
    """A voice that fades in over the one that plays.

    Args:
        voice: the newcomer.
        outputs: channels out.
        sample_rate: Hz.
    """

    def __init__(self, voice: Voice, outputs: int, sample_rate: float) -> None:
        self.voice = voice
        self.over = False
        self._length = _LENGTH_S * sample_rate
        self._played = 0
        self._other = np.zeros((outputs, MAX_BLOCK), np.float32)

    def play(self, audio: Float32, out: Float32, in_step: bool = False) -> bool:
        """Let the newcomer play too, and fade over to it; `over` says when it is there.

        Returns:
            Whether it was there in time.
        Shape:
            audio [C_in, T], out [C_out, T]: what the other voice plays; T up to `MAX_BLOCK`
        """
        size = audio.shape[1]
        other = self._other[:, :size]
        good = self.voice.play(audio, other, in_step)
        # The newcomer is heard when it has something to say.
        begin = self._played - self.voice.latency
        gain = np.clip((begin + np.arange(size, dtype=np.float32)) / np.float32(self._length), 0, 1)
        out += gain * (other - out)
        self._played += size
        self.over = bool(gain[-1] == 1)
        return good
