"""Channels over channels, and how loud they are."""

from __future__ import annotations

from typing import Final

import numpy as np

from latentfx.arrays import Float32

MAX_BLOCK: Final = 4096


def spread(source: Float32, target: Float32) -> None:
    """Lay channels over channels: one goes to all, many go to one by their mean, surplus ones stay silent.

    Shape:
        source [C, T], target [C2, T]
    """
    if source.shape[0] in (1, target.shape[0]):
        target[:] = source
    elif target.shape[0] == 1:
        np.mean(source, axis=0, keepdims=True, out=target)
    else:
        shared = min(source.shape[0], target.shape[0])
        target[:shared] = source[:shared]
        target[shared:] = 0
