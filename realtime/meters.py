"""What is counted and measured while blocks are played."""

from __future__ import annotations

from typing import Any, Final

from latentfx.arrays import Float32
from latentfx.sound.level import peak

from .clock import Clock
from .scope import Scope
from .stats import Times, decibels

_PEAK_FALL_DB_S: Final = 20.0


class Meters:
    """Counts blocks and samples, times callbacks, and watches levels.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: float) -> None:
        self.times = Times()
        self.clock = Clock()
        self.scope = Scope(sample_rate)
        self.late = self.faded = self.samples = self.block = 0
        self._sample_rate = sample_rate
        self._in = self._out = 0.0

    @property
    def input_db(self) -> float:
        """Peak of the last blocks."""
        return decibels(self._in)

    @property
    def output_db(self) -> float:
        """Peak of the last blocks."""
        return decibels(self._out)

    @property
    def seconds(self) -> float:
        """Seconds of audio so far."""
        return self.samples / self._sample_rate

    def stats(self) -> dict[str, Any]:
        """What was counted, by the names that `Stats` has for it."""
        return {
            "block": self.block,
            "blocks": self.times.count,
            "seconds": self.seconds,
            "callback_ms": self.times.spread(),
            "late": self.late,
            "faded": self.faded,
            "input_db": self.input_db,
            "output_db": self.output_db,
        }

    def begin(self, audio: Float32) -> None:
        """Count a block that came in; levels fall slowly, so that eyes can follow.

        Shape:
            audio [C, T]
        """
        self.block = audio.shape[1]
        self.samples += self.block
        self.clock.tick(self.seconds)
        fall = 10 ** (-_PEAK_FALL_DB_S / 20 * self.block / self._sample_rate)
        self._in = max(peak(audio), self._in * fall)
        self._out *= fall

    def hear(self, loudest: float, audio: Float32, out: Float32) -> None:
        """Note the largest magnitude of what is heard, and let the scope see it.

        Shape:
            audio [C_in, T], out [C_out, T]
        """
        self._out = max(loudest, self._out)
        self.scope.hear(audio, out)

    def end(self, took_ns: int, good: bool) -> None:
        """Note how long the block took, and whether all of it was there."""
        self.times.add(took_ns)
        self.faded += not good
        self.late += not good or took_ns * self._sample_rate > 1e9 * self.block
