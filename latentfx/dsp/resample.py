"""Streaming sample-rate conversion that keeps time: what went in at second t comes out at second t."""

from __future__ import annotations

import math

import numpy as np
import soxr

from latentfx.arrays import Float32
from latentfx.errors import ShapeError

__all__ = ["StreamResampler"]


class StreamResampler:
    """Convert a stream from one sample rate to another, in blocks of any size.

    Output sample k belongs to input time k / out_rate, from the first sample on: the filter's delay is taken
    out, and is a wait instead. Samples come out later than they went in; `flush` gives the rest. In all there
    are round(samples in * out_rate / in_rate).

    Args:
        in_rate: Hz.
        out_rate: Hz; equal rates pass audio on untouched.
        channels: channels in and out.
        quality: a recipe of soxr. `HQ` is for recordings; `LQ` waits a quarter as long, for live sound.
    Raises:
        ShapeError: a rate that is not a number above 0, or fewer than 1 channel.
    """

    def __init__(self, in_rate: float, out_rate: float, channels: int, quality: str = "HQ") -> None:
        if not (0 < in_rate < math.inf and 0 < out_rate < math.inf) or channels < 1:
            raise ShapeError(
                f"resampling {channels} channels from {in_rate} to {out_rate} Hz; "
                "allowed rates above 0 and 1 channel or more"
            )
        self.in_rate = in_rate
        self.out_rate = out_rate
        self.channels = channels
        self.quality = quality
        self.reset()

    def reset(self) -> None:
        """Forget the stream and begin another."""
        self._samples_in = 0
        self._samples_out = 0
        self._stream: soxr.ResampleStream | None = None
        if self.in_rate != self.out_rate:
            self._stream = soxr.ResampleStream(
                self.in_rate, self.out_rate, self.channels, dtype="float32", quality=self.quality
            )

    def process(self, block: Float32) -> Float32:
        """Take some samples and give those that are ready.

        Shape:
            block [C, T] -> [C, T'], T' from 0
        Raises:
            ShapeError: another number of channels or axes.
        """
        return self._step(block, last=False)

    def flush(self) -> Float32:
        """Give what is left, and begin another stream.

        Shape:
            -> [C, T']
        """
        rest = self._step(np.zeros((self.channels, 0), np.float32), last=True)
        self.reset()
        return rest

    def _step(self, block: Float32, last: bool) -> Float32:
        if block.ndim != 2 or block.shape[0] != self.channels:
            raise ShapeError(f"block has the shape {block.shape}; allowed ({self.channels}, samples)")
        self._samples_in += block.shape[1]
        if self._stream is None:
            return np.asarray(block, np.float32)
        frames = np.ascontiguousarray(block.T, dtype=np.float32)
        out: Float32 = np.ascontiguousarray(self._stream.resample_chunk(frames, last=last).T)
        if last:
            rest = round(self._samples_in * self.out_rate / self.in_rate) - self._samples_out
            out = np.pad(out[:, :rest], ((0, 0), (0, max(rest - out.shape[1], 0))))
        self._samples_out += out.shape[1]
        return out
