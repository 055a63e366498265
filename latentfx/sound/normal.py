"""A recording, scaled so that its peak lies a little below full scale."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.sound.level import peak

NORMAL_DB: Final = -1.0
"""Peak of what is normalized, dB of full scale."""
_PIECE = 16384


def normalized(pieces: Iterable[Float32], channels: int) -> Iterator[Float32]:
    """The same pieces, scaled together; until the peak is known, they lie on the disk.

    Shape:
        each piece [C, T] -> the same in all
    """
    loudest = 0.0
    with tempfile.TemporaryFile(prefix="latentfx-") as file:
        for piece in pieces:
            loudest = max(loudest, peak(piece))
            file.write(np.ascontiguousarray(piece.T, np.float32).tobytes())
        gain = normal_gain(loudest)
        file.seek(0)
        while data := file.read(_PIECE * channels * 4):
            yield np.frombuffer(data, np.float32).reshape(-1, channels).T * gain


def normal_gain(loudest: float) -> np.float32:
    """What brings a peak to `NORMAL_DB`; silence stays."""
    return np.float32(10.0 ** (NORMAL_DB / 20.0) / loudest if loudest > 0.0 else 1.0)
