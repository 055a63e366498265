"""Memory between two threads that never wait for each other: one writes, one reads."""

from __future__ import annotations

import numpy as np

from latentfx.arrays import Float32


class RingBuffer:
    """A queue of samples with a fixed size. One thread may write while another reads; neither locks.

    Each side moves only its own counter, after the samples are in place.

    Args:
        channels: rows.
        capacity: samples that fit.
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self._data = np.zeros((channels, capacity), np.float32)
        self._capacity = capacity
        self._written = 0
        self._read = 0

    @property
    def available(self) -> int:
        """Samples that can be read."""
        return self._written - self._read

    @property
    def free(self) -> int:
        """Samples that can be written."""
        return self._capacity - self.available

    def write(self, block: Float32) -> bool:
        """Put samples in: all of them, or none where they do not fit.

        Shape:
            block [C, T]
        """
        size = block.shape[1]
        if size > self.free:
            return False
        start = self._written % self._capacity
        first = self._capacity - start
        if size <= first:
            self._data[:, start : start + size] = block
        else:
            self._data[:, start:] = block[:, :first]
            self._data[:, : size - first] = block[:, first:]
        self._written += size
        return True

    def pad(self, size: int) -> None:
        """Put silence in, as much as fits."""
        size = min(size, self.free)
        start = self._written % self._capacity
        first = min(size, self._capacity - start)
        self._data[:, start : start + first] = 0
        self._data[:, : size - first] = 0
        self._written += size

    def read(self, out: Float32) -> bool:
        """Take samples out: as many as `out` holds, or none where they are not there.

        Shape:
            out [C, T]
        """
        size = out.shape[1]
        if size > self.available:
            return False
        start = self._read % self._capacity
        first = self._capacity - start
        if size <= first:
            out[:] = self._data[:, start : start + size]
        else:
            out[:, :first] = self._data[:, start:]
            out[:, first:] = self._data[:, : size - first]
        self._read += size
        return True

    def skip(self, size: int) -> int:
        """Throw samples away, as many as there are of those, and say how many."""
        size = min(size, self.available)
        self._read += size
        return size
