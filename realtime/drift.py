"""Two devices with clocks of their own: samples of one, taken at the pace of the other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32

from .rings import RingBuffer

_TAPS: Final = 48
_PHASES: Final = 512
_KAISER: Final = 9.0
# The pace follows the averaged amount in hand: by so much of the error in a second, and of its sum; real
# clocks differ by less than a tenth of the most.
_PULL: Final = 0.3
_SUM: Final = 0.03
_MOST: Final = 0.003
_AVERAGE_S: Final = 0.5
_SLACK: Final = 3


class DriftBridge:
    """A queue between an input and an output device that keeps as much in hand as it should.

    One thread writes, another reads. What is read is interpolated by windowed sinc at a pace that follows the
    drift of the two clocks, and the ratio of their nominal rates.

    Args:
        channels: rows.
        in_rate: of the input device, in Hz.
        out_rate: of the output device, in Hz.
        in_block: samples that the input device gives at once.
        out_block: samples that the output device takes at once.
    """

    def __init__(self, channels: int, in_rate: float, out_rate: float, in_block: int, out_block: int) -> None:
        self.ratio = in_rate / out_rate
        self.slips = 0
        self._channels = channels
        self._rate = in_rate
        self._ring = RingBuffer(channels, int(in_rate))
        self._in_block = in_block
        self._wanted = in_block + self.ratio * out_block + _TAPS
        self._table = _sinc_table(min(1.0, 1 / self.ratio))
        self._line = np.zeros((channels, _TAPS), np.float32)
        self._at = 0.0
        self._error_s = self._sum = 0.0
        self._started = False

    @property
    def latency_s(self) -> float:
        """How long a sample waits, on average."""
        return float(self._wanted + _TAPS / 2) / self._rate

    def write(self, block: Float32) -> None:
        """Take what the input device gives; where the output has stopped taking, it is lost and counted.

        Shape:
            block [C, T]
        """
        if not self._ring.write(block):
            self.slips += 1

    def read(self, out: Float32) -> None:
        """Give what the output device asks for; silence until enough is in hand.

        Shape:
            out [C, T]
        """
        size = out.shape[1]
        if not self._started and self._ring.available < self._wanted:
            out[:] = 0
            return
        self._catch_up()
        self._started = True
        pace = self.ratio * (1 + self._correction(size))
        positions = self._at + pace * np.arange(size, dtype=np.float64)
        last = self._at + pace * size
        need = int(last)
        if self._ring.available < need:
            self.slips += 1
            self._started = False
            self._error_s = 0.0
            out[:] = 0
            return
        fresh = np.empty((self._channels, need), np.float32)
        self._ring.read(fresh)
        line = np.concatenate([self._line, fresh], axis=1)
        self._interpolate(line, positions, out)
        self._line = line[:, need:]
        self._at = last - need

    def _catch_up(self) -> None:
        """Leave out what came in while the output did not play: at its pace that would stay for a minute."""
        too_much = self._ring.available - int(self._wanted)
        if too_much <= (_SLACK * self._wanted if self._started else self._in_block):
            return
        self._ring.skip(too_much)
        self._error_s = 0.0
        self.slips += self._started

    def _correction(self, size: int) -> float:
        """How much faster to read: by the average of what is in hand beyond what is wanted."""
        block_s = size * self.ratio / self._rate
        error_s = (self._ring.available - self._wanted) / self._rate
        self._error_s += min(block_s / _AVERAGE_S, 1.0) * (error_s - self._error_s)
        self._sum = min(max(self._sum + _SUM * block_s * self._error_s, -_MOST), _MOST)
        return min(max(_PULL * self._error_s + self._sum, -_MOST), _MOST)

    def _interpolate(self, line: Float32, positions: NDArray[np.float64], out: Float32) -> None:
        whole = positions.astype(np.int64)
        phase = (positions - whole) * _PHASES
        index = phase.astype(np.int64)
        part = (phase - index).astype(np.float32)[:, None]
        weights = self._table[index] * (1 - part) + self._table[index + 1] * part
        taps = whole[:, None] + np.arange(_TAPS)
        np.einsum("ctk,tk->ct", line[:, taps], weights, out=out)


def _sinc_table(cutoff: float) -> Float32:
    """Windowed sinc at every phase, each row with a sum of 1.

    Shape:
        -> [phases + 1, taps]
    """
    offsets = np.arange(_TAPS) - (_TAPS // 2 - 1) - np.arange(_PHASES + 1)[:, None] / _PHASES
    window = np.i0(_KAISER * np.sqrt(np.clip(1 - (offsets / (_TAPS / 2)) ** 2, 0, 1)))
    table = np.sinc(cutoff * offsets) * window
    normal: Float32 = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal
