"""Finds the axis of an array that holds the channels, by Pedalboard's rules, and restores the layout."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.errors import ShapeError
from latentfx.names import shown

Layout = Literal["flat", "channels first", "samples first"]
_MOST_CHANNELS = 32  # an empty array with more columns is (channels, samples) without channels
_CURE = "give (channels, samples) or (samples, channels) with more samples than channels"


def find_layout(shape: tuple[int, ...], channels: int | None = None, last: Layout | None = None) -> Layout:
    """Tell which axis holds the channels, as Pedalboard does: the shorter one.

    A square array has the layout of the array before it.

    Args:
        shape: shape of the array.
        channels: how many channels the array must have, where that is known.
        last: layout of the array before it, which decides where the shape does not.

    Raises:
        ShapeError: not 1 or 2 axes, or the shape fits both layouts.
    """
    if len(shape) == 1:
        return "flat"
    if len(shape) != 2:
        raise ShapeError(f"audio has {len(shape)} axes; allowed 1 or 2: {_CURE}")
    first, second = shape
    if first == 0 and second > _MOST_CHANNELS:
        raise ShapeError(f"audio of the shape {shape} has no channel: {_CURE}")
    if channels is not None and (first == channels) != (second == channels):
        return "channels first" if first == channels else "samples first"
    if first == second and first != 1:
        if last in (None, "flat"):
            raise ShapeError(f"audio of the shape {shape} may lie either way: {_CURE}")
        return last
    return "channels first" if second == 0 or first == 1 or 0 < first < second else "samples first"


def as_samples(source: object) -> NDArray[Any]:
    """A source that is no file, as an array.

    Raises:
        ShapeError: it holds no numbers, as `None` and a path in bytes.
    """
    if source is not None and not isinstance(source, (bytes, bytearray, memoryview)):
        given = np.asarray(source)
        if given.dtype.kind in "biuf":
            return given
    raise ShapeError(
        f"the source is {shown(repr(source), 60)}; give the path of a sound file as text, an open binary "
        "file, or an array of samples"
    )


def to_channels(audio: NDArray[Any], layout: Layout) -> Float32:
    """View or copy audio as float32 with the channels first.

    Shape:
        audio [T], [C, T] or [T, C] -> [C, T]

    Raises:
        ShapeError: no float32 or float64 samples, or no channel.
    """
    if audio.dtype not in (np.float32, np.float64):
        raise ShapeError(
            f"audio holds {audio.dtype}; allowed float32 and float64, nominally -1 to 1 "
            "(16-bit integers: audio / 32768.0)"
        )
    rows = audio[np.newaxis] if layout == "flat" else audio if layout == "channels first" else audio.T
    if rows.shape[0] == 0:
        raise ShapeError(f"audio of the shape {audio.shape} has no channel: {_CURE}")
    return np.ascontiguousarray(rows, dtype=np.float32)


def from_channels(rows: Float32, layout: Layout) -> Float32:
    """Give audio back in the layout that it came in; flat audio stays flat while it has one channel.

    Shape:
        rows [C, T] -> [T], [C, T] or [T, C]
    """
    if layout == "flat" and rows.shape[0] == 1:
        flat: Float32 = rows[0]
        return flat
    return np.ascontiguousarray(rows.T) if layout == "samples first" else rows
