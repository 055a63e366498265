"""Between the plugin and the loudspeaker: channels, bypass, panic, limiter."""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.host.blocks import LOUDEST
from latentfx.sound.level import peak
from latentfx.sound.limiter import Limiter

from .mixing import MAX_BLOCK, spread
from .rings import RingBuffer

_BYPASS_S: Final = 0.02
_MUTE_S: Final = 0.003
_LONGEST_LATENCY_S: Final = 12.0


class OutputStage:
    """Makes what is heard of what the plugin gives.

    Args:
        outputs: channels out.
        sample_rate: Hz.
    """

    def __init__(self, outputs: int, sample_rate: float) -> None:
        self.bypass = False
        self._sample_rate = sample_rate
        self.limiter: Limiter | None = Limiter(sample_rate)
        self._dry = np.zeros((outputs, MAX_BLOCK), np.float32)
        self._delay = RingBuffer(outputs, int(_LONGEST_LATENCY_S * sample_rate))
        self._delayed = self._wait = 0
        self._dry_gain = _Ramp(1 / (_BYPASS_S * sample_rate))
        self._gain = _Ramp(1 / (_MUTE_S * sample_rate), 1.0)
        self._muted = 0
        self.silent = False

    def mute(self, samples: int) -> None:
        """Fall silent, and come back so many samples later."""
        self._muted = samples + round(_MUTE_S * self._sample_rate)

    def fall_silent(self, patience_s: float) -> None:
        """Fade out, and wait until all is silent, or nothing was played for so long."""
        self.mute(round(2 * patience_s * self._sample_rate))
        end = time.monotonic() + patience_s
        while not self.silent and time.monotonic() < end:
            time.sleep(0.001)

    def process(self, audio: Float32, out: Float32, latency: int) -> float:
        """Finish a block in place.

        Args:
            audio: the input of the host.
            out: what the plugin gave.
            latency: how much later that is than the input.

        Returns:
            The largest magnitude of what is heard.
        Shape:
            audio [C_in, T], out [C_out, T]
        """
        size = out.shape[1]
        dry = self._delay_by(latency, audio, size)
        dry_gain = self._dry_gain.towards(float(self.bypass), size)
        if dry_gain is not None:
            out += dry_gain * (dry - out)
        _drop_bad_numbers(out)
        gain = self._gain.towards(0.0 if self._muted > 0 else 1.0, size)
        self._muted -= size
        self.silent = gain is not None and not np.any(gain)
        if gain is not None:
            out *= gain
        return peak(out) if self.limiter is None else self.limiter.process(out)

    def _delay_by(self, latency: int, audio: Float32, size: int) -> Float32:
        """The input as late as the plugin's output; where that gets later it has a gap, and so has this."""
        dry = self._dry[:, :size]
        spread(audio, dry)
        self._delay.write(dry)
        self._wait += latency - self._delayed
        self._delayed = latency
        if self._wait < 0:
            self._delay.skip(-self._wait)
            self._wait = 0
        waits = min(self._wait, size)
        dry[:, :waits] = 0
        self._delay.read(dry[:, waits:])
        self._wait -= waits
        return dry


def _drop_bad_numbers(out: Float32) -> None:
    """Let no NaN, infinity or value far beyond sound go on: the limiter would stay down for it."""
    if not peak(out) <= LOUDEST:
        np.copyto(out, 0, where=~(np.abs(out) <= LOUDEST))


class _Ramp:
    """A gain that moves in a straight line; None stands for its idle value, which changes nothing."""

    def __init__(self, step: float, idle: float = 0.0) -> None:
        self._step = step
        self._idle = idle
        self._now = idle
        self._count = np.arange(1, MAX_BLOCK + 1, dtype=np.float32)

    def towards(self, goal: float, size: int) -> Float32 | float | None:
        if self._now == goal:
            return None if goal == self._idle else goal
        sign = 1.0 if goal > self._now else -1.0
        ramp: Float32 = np.clip(self._now + sign * self._step * self._count[:size], 0.0, 1.0)
        self._now = float(ramp[-1])
        return ramp
