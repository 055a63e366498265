"""The call that all effects share, as Pedalboard has it: audio in, audio out, with state or without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from latentfx.errors import ShapeError
from latentfx.host.layout import Layout, find_layout, from_channels, to_channels
from latentfx.host.plugin_file import Float32


class Stream(Protocol):
    """A stream through an effect.

    When it has ended, as many samples came out as went in, and they are aligned with the input.
    """

    channels: int
    outputs: int
    sample_rate: float

    @property
    def non_finite(self) -> int:
        """Samples so far that were NaN or infinite, and were taken as 0."""

    def push(self, audio: Float32) -> Float32:
        """Take the next samples and return those that are ready.

        Shape:
            audio [C_in, T] -> [C_out, T2]
        """

    def flush(self) -> Float32:
        """End the stream: return the rest.

        Shape:
            -> [C_out, T]
        """


def check_buffer_size(buffer_size: object) -> None:
    """Refuse a number of samples that cannot be taken at once.

    Raises:
        ShapeError: no whole number from 1.
    """
    if isinstance(buffer_size, bool) or not isinstance(buffer_size, (int, np.integer)) or buffer_size < 1:
        raise ShapeError(f"buffer_size is {buffer_size!r}; allowed are whole numbers from 1, such as 8192")


class Processor(ABC):
    """An effect that is called like one of Pedalboard's, and can open streams."""

    is_effect = True
    is_instrument = False

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._layout: Layout | None = None

    @abstractmethod
    def open(self, channels: int, sample_rate: float) -> Stream:
        """Open a stream: audio of this rate, pieces of any length, latency removed.

        Raises:
            ShapeError: a number of channels or a rate that the effect cannot take.
        """

    @abstractmethod
    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output, counted at a rate. Calls and streams remove them."""

    def reset(self) -> None:
        """Forget what was heard: the next call begins a new stream."""
        self._stream = None

    def process(
        self, audio: ArrayLike, sample_rate: float, buffer_size: int = 8192, reset: bool = True
    ) -> Float32:
        """Run audio through the effect.

        With `reset`, audio is a whole recording: the output is as long and lies exactly over it. Without, it
        is the next piece of a stream: the output has the samples that are ready (fewer at first, by the
        latency and an unfinished block), successive outputs join without a seam, and `flush` gives the rest.
        Audio with other channels or of another rate than the piece before begins a new stream.

        Args:
            audio: float32 or float64. A plugin with one channel in runs every channel on its own.
            sample_rate: of the audio, in Hz.
            buffer_size: samples taken at once; it bounds memory and changes nothing else.
            reset: begin with a fresh state, and end the stream.

        Shape:
            audio [T], [C, T] or [T, C] (the shorter axis holds the channels) -> the same

        Raises:
            ShapeError: audio or a rate that the effect cannot take.
        """
        check_buffer_size(buffer_size)
        array = np.asarray(audio)
        if reset:
            self.reset()
        stream = self._stream
        self._layout = find_layout(array.shape, stream.channels if stream else None, self._layout)
        rows = to_channels(array, self._layout)
        if stream is None or (stream.channels, stream.sample_rate) != (rows.shape[0], sample_rate):
            stream = self._stream = self.open(rows.shape[0], sample_rate)
        steps = range(0, max(rows.shape[1], 1), buffer_size)
        parts = [stream.push(rows[:, at : at + buffer_size]) for at in steps]
        if reset:
            parts.append(stream.flush())
            self.reset()
        return from_channels(np.concatenate(parts, axis=1), self._layout)

    __call__ = process

    def flush(self) -> Float32:
        """End a stream of calls with `reset=False`: return the samples that are still inside.

        Shape:
            -> [T], [C, T] or [T, C], as the stream's
        """
        stream = self._stream
        if stream is None or self._layout is None:
            return np.zeros(0, np.float32)
        rest = stream.flush()
        self.reset()
        return from_channels(rest, self._layout)
