"""The call that all effects share, as Pedalboard has it: audio in, audio out, with state or without."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentfx.arrays import Float32
from latentfx.errors import BusyError, ShapeError
from latentfx.host.layout import Layout, find_layout, from_channels, to_channels
from latentfx.names import counted


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

    @property
    def silenced(self) -> int:
        """Blocks so far in which the effect made NaN, infinity or the like, and which are silence."""

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


def check_rate(sample_rate: object) -> None:
    """Refuse a rate that is no number.

    Raises:
        ShapeError: a text, or what is no number.
    """
    if isinstance(sample_rate, Real) and not isinstance(sample_rate, bool):
        return
    raise ShapeError(f"sample_rate is {sample_rate!r}; give the rate of the audio in Hz, such as 48000")


def odd_numbers(stream: Stream) -> Iterator[str]:
    """What people should know of numbers in a stream that were no sound."""
    if stream.non_finite:
        was = "was" if stream.non_finite == 1 else "were"
        yield f"{counted(stream.non_finite, 'sample')} {was} NaN or infinite and {was} taken as 0"
    if stream.silenced:
        blocks = counted(stream.silenced, "block")
        yield f"{blocks} came out of the plugin as NaN, infinite or far too loud: now silent"


class Processor(ABC):
    """An effect that is called like one of Pedalboard's, and can open streams.

    Calls with `reset` may come from several threads at once: each is as if alone. A stream of calls without
    it belongs to the thread that began it.
    """

    is_effect = True
    is_instrument = False

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._layout: Layout | None = None
        self._owner = 0
        self._busy = threading.Lock()

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Rate that the effect works at, in Hz."""

    @abstractmethod
    def open(self, channels: int, sample_rate: float) -> Stream:
        """Open a stream: audio of this rate, pieces of any length, latency removed.

        Raises:
            ShapeError: a number of channels or a rate that the effect cannot take.
        """

    @abstractmethod
    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output, counted at a rate. Calls and streams remove them."""

    def alone(self) -> AbstractContextManager[None]:
        """Hold, for one recording, the parts that can play only one at a time; other threads wait."""
        return nullcontext()

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
            BusyError: another thread has a stream of this effect open, or plays an effect of this chain.
        """
        check_buffer_size(buffer_size)
        check_rate(sample_rate)
        array = np.asarray(audio)
        return (
            self._play_whole(array, sample_rate, buffer_size)
            if reset
            else self._play_on(array, sample_rate, buffer_size)
        )

    __call__ = process

    def flush(self) -> Float32:
        """End a stream of calls with `reset=False`: return the samples that are still inside.

        Shape:
            -> [T], [C, T] or [T, C], as the stream's
        """
        with self._claimed():
            stream = self._stream
            if stream is None or self._layout is None:
                return np.zeros(0, np.float32)
            with self.alone():
                rest = stream.flush()
            self._stream = None
            return from_channels(rest, self._layout)

    def _play_whole(self, array: NDArray[Any], sample_rate: float, buffer_size: int) -> Float32:
        """A recording from its start to its end; nothing of it is kept in the effect."""
        layout = self._layout = find_layout(array.shape, None, self._layout)
        rows = to_channels(array, layout)
        with self.alone():
            if self._owner == threading.get_ident():
                self.reset()
            stream = self.open(rows.shape[0], sample_rate)
            parts = [*_push(stream, rows, buffer_size), stream.flush()]
        return from_channels(np.concatenate(parts, axis=1), layout)

    def _play_on(self, array: NDArray[Any], sample_rate: float, buffer_size: int) -> Float32:
        """The next piece of the stream that is open, or of a new one."""
        with self._claimed():
            stream = self._stream
            layout = find_layout(array.shape, stream.channels if stream else None, self._layout)
            rows = to_channels(array, layout)
            with self.alone():
                if stream is None or (stream.channels, stream.sample_rate) != (rows.shape[0], sample_rate):
                    stream = self.open(rows.shape[0], sample_rate)
                self._stream, self._layout = stream, layout
                parts = _push(stream, rows, buffer_size)
        return from_channels(np.concatenate(parts, axis=1), layout)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Hold the open stream; it stays with its thread, unless that has ended.

        Raises:
            BusyError: it is another thread's.
        """
        me = threading.get_ident()
        held = self._busy.acquire(blocking=False)
        try:
            others = self._owner != me and any(t.ident == self._owner for t in threading.enumerate())
            if not held or (self._stream is not None and others):
                raise BusyError(
                    "a stream of this effect is open that another thread began (reset=False); give every "
                    "thread an effect of its own (plugin.copy()), or let that thread end it with flush()"
                )
            self._owner = me
            yield
        finally:
            if held:
                self._busy.release()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: all but the open stream."""
        return {**self.__dict__, "_stream": None, "_busy": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _busy=threading.Lock(), _owner=0)


def _push(stream: Stream, rows: Float32, size: int) -> list[Float32]:
    return [stream.push(rows[:, at : at + size]) for at in range(0, max(rows.shape[1], 1), size)]
