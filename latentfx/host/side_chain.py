"""Feeds a recording of any rate, length and number of channels to a plugin's side-chain."""

from __future__ import annotations

from collections.abc import Generator
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from latentfx.arrays import Float32
from latentfx.dsp.resample import StreamResampler
from latentfx.errors import ShapeError
from latentfx.host.layout import find_layout, to_channels
from latentfx.host.processor import Processor
from latentfx.host.stream import HIGHEST_RATE, LOWEST_RATE, PluginStream
from latentfx.names import counted
from latentfx.sound.reader import AudioReader
from latentfx.sound.source import SoundSource, is_open_file
from latentfx.spec import PluginSpec

Recording = SoundSource | tuple[ArrayLike, float]

_PIECE = 16384
_NOTED_S = 0.01


class Moved(Protocol):
    """A plugin, whether its controls stay or an automation moves them."""

    @property
    def spec(self) -> PluginSpec:
        """What the plugin says of itself."""

    @property
    def sample_rate(self) -> int:
        """Rate that the plugin works at, in Hz."""

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`."""

    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output, counted at a rate."""

    def open(self, channels: int, sample_rate: float) -> PluginStream:
        """Open a stream."""

    def copy(self) -> Moved:
        """A second one with the same settings."""


P = TypeVar("P", bound=Moved)


class Around(Processor, Generic[P]):
    """An effect around one plugin, whose rate and latency are its own.

    Args:
        plugin: what plays. A copy of the effect has a copy of it.
    """

    def __init__(self, plugin: P) -> None:
        super().__init__()
        self.plugin = plugin

    @property
    def spec(self) -> PluginSpec:
        """What the plugin says of itself."""
        return self.plugin.spec

    @property
    def sample_rate(self) -> int:
        """Rate that the plugin works at, in Hz."""
        return self.plugin.sample_rate

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`. Calls remove it."""
        return self.plugin.latency

    def latency_at(self, sample_rate: float) -> int:
        return self.plugin.latency_at(sample_rate)

    def copy(self) -> Self:
        """A second one, of a copy of the plugin."""
        twin = type(self).__new__(type(self))
        twin.__setstate__({**self.__getstate__(), "plugin": self.plugin.copy()})
        return twin

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self.copy()


class SideChained(Around[Moved]):
    """A plugin whose side-chain is a recording: it takes the main input alone, and may stand on a `Board`.

    The recording begins where a stream begins. It is read in pieces and resampled to the rate of the main
    input. Silence follows a shorter recording; the end of a longer one is left off. Where it has as many
    channels as there are side-chains, each channel goes to its own; else the mean of them goes to all.

    Args:
        plugin: one with a side-chain. It is not copied: its controls are this effect's.
        side: a sound file, or (array, rate). An open file is read whole at once.

    Raises:
        ShapeError: the plugin has no side-chain, or an array or a rate that cannot be.
        AudioFileError: the recording cannot be read.
    """

    def __init__(self, plugin: Moved, side: Recording) -> None:
        super().__init__(plugin)
        spec = plugin.spec
        if not spec.side_channels:
            inputs = counted(spec.in_channels, "channel")
            raise ShapeError(
                f"plugin {spec.name!r} has no side-chain, only {inputs} in; leave the "
                "side recording out, or take a plugin that has one, such as latent-mix"
            )
        self._recording = _Recording(side)

    def open(self, channels: int, sample_rate: float) -> SideChainStream:
        return SideChainStream(self.plugin, self._recording, channels, sample_rate)

    def __repr__(self) -> str:
        return f"SideChained({self.plugin!r}, {self._recording.name})"


class SideChainStream:
    """A plugin and the recording at its side-chain as a `Stream`.

    Args:
        plugin: with a side-chain.
        recording: at the side-chain.
        channels: of the main input; a plugin with one channel out runs each on its own.
        sample_rate: of the main input, in Hz.

    Raises:
        ShapeError: a number of channels or a rate that the plugin cannot take.
    """

    def __init__(self, plugin: Moved, recording: _Recording, channels: int, sample_rate: float) -> None:
        spec = plugin.spec
        self._rows = count_main_rows(spec, channels)
        self.channels = channels
        self.sample_rate = sample_rate
        self._stream = plugin.open(self._rows * spec.in_channels, sample_rate)
        self._side = _SideStream(recording, self._rows * spec.side_channels, sample_rate)
        self.outputs = self._stream.outputs

    @property
    def non_finite(self) -> int:
        """Samples so far, of both inputs, that were NaN or infinite, and were taken as 0."""
        return self._stream.non_finite

    @property
    def silenced(self) -> int:
        """Blocks so far in which the plugin made numbers that are no sound."""
        return self._stream.silenced

    def push(self, audio: Float32) -> Float32:
        """Take the next samples and return those that are ready.

        Shape:
            audio [C, T] -> [C_out, T2]
        """
        return self._stream.push(join_side(audio, self._side.take(audio.shape[1]), self._rows))

    def flush(self) -> Float32:
        """End the stream: return the rest.

        Shape:
            -> [C_out, T]
        """
        self._side.close()
        return self._stream.flush()

    def notes(self) -> list[str]:
        """What people should know of the side-chain, once the stream has ended."""
        return self._side.notes()


class _Recording:
    """The source of a side-chain, which can be read more than once."""

    def __init__(self, side: Recording) -> None:
        self._rows: Float32 | None = None
        self._source: SoundSource = ""
        if isinstance(side, tuple):
            array, rate = np.asarray(side[0]), side[1]
            self._rows = to_channels(array, find_layout(array.shape))
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise ShapeError(
                    f"the rate of the side-chain is {rate!r}; allowed {LOWEST_RATE} to {HIGHEST_RATE} Hz"
                )
            self.name, self.sample_rate = "an array", float(rate)
            self.channels, self.frames = self._rows.shape
        elif is_open_file(side):
            with AudioReader(side) as reader:
                self._rows = np.concatenate(list(reader.blocks(_PIECE)), axis=1)
            self.name, self.sample_rate = reader.name, float(reader.info.sample_rate)
            self.channels, self.frames = self._rows.shape
        else:
            self._source = side
            with AudioReader(side) as reader:
                info = reader.info
            self.name, self.sample_rate = reader.name, float(info.sample_rate)
            self.channels, self.frames = info.channels, info.frames

    def blocks(self) -> Generator[Float32]:
        """Read from the start, in pieces.

        Shape:
            each [C, T]
        """
        if self._rows is not None:
            yield from (self._rows[:, at : at + _PIECE] for at in range(0, self.frames, _PIECE))
            return
        with AudioReader(self._source) as reader:
            yield from reader.blocks(_PIECE)


class _SideStream:
    """A recording at another rate and with other channels, taken in pieces of any length."""

    def __init__(self, recording: _Recording, channels: int, sample_rate: float) -> None:
        self._recording = recording
        self._channels = channels
        self._rate = sample_rate
        self._blocks = recording.blocks()
        self._resampler = StreamResampler(recording.sample_rate, sample_rate, channels)
        self._ready = np.zeros((channels, 0), np.float32)
        self._ended = False
        self._silent = True
        self._taken = 0

    def take(self, samples: int) -> Float32:
        """The next samples; silence after the last.

        Shape:
            -> [C, samples]
        """
        while self._ready.shape[1] < samples and not self._ended:
            self._ready = np.concatenate([self._ready, self._more()], axis=1)
        taken, self._ready = self._ready[:, :samples], self._ready[:, samples:]
        self._silent = self._silent and not taken.any()
        self._taken += samples
        return np.pad(taken, ((0, 0), (0, samples - taken.shape[1])))

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()

    def notes(self) -> list[str]:
        """What people should know, once everything was taken."""
        found, recording = [], self._recording
        longer_s = recording.frames / recording.sample_rate - self._taken / self._rate
        if longer_s >= _NOTED_S:
            found.append(f"the side-chain is {longer_s:.2f} s longer than the source; its end was left off")
        elif longer_s <= -_NOTED_S:
            found.append(f"the side-chain is {-longer_s:.2f} s shorter than the source; silence follows it")
        if self._silent and self._taken:
            found.append("the side-chain is silent")
        if recording.channels not in (1, self._channels):
            found.append(f"the mean of the {recording.channels} channels of the side-chain was taken")
        return found

    def _more(self) -> Float32:
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return self._resampler.flush()
        return self._resampler.process(as_side(block, self._channels))


def count_main_rows(spec: PluginSpec, channels: int) -> int:
    """How many times the plugin runs side by side on a main input of so many channels.

    Raises:
        ShapeError: a number of channels that the plugin cannot take.
    """
    main = spec.in_channels - spec.side_channels
    if channels == main:
        return 1
    if main == 1 and channels > 0:
        return channels
    raise ShapeError(
        f"audio has {channels} channels; plugin {spec.name!r} takes {main} beside its side-chain"
    )


def as_side(audio: Float32, channels: int) -> Float32:
    """Audio with so many channels: its own, or the mean of them for each.

    Shape:
        audio [C, T] -> [channels, T]
    """
    return audio if len(audio) == channels else np.repeat(audio.mean(axis=0, keepdims=True), channels, axis=0)


def join_side(audio: Float32, side: Float32, rows: int) -> Float32:
    """Lay a main input and a side-chain together as the plugin takes them: main, side, main, side.

    Args:
        audio: the main input.
        side: the side-chain.
        rows: how many times the plugin runs side by side.
    Shape:
        audio [rows * M, T], side [rows * S, T] -> [rows * (M + S), T]
    """
    samples = audio.shape[1]
    inputs = [part.reshape(rows, len(part) // rows, samples) for part in (audio, side)]
    return np.concatenate(inputs, axis=1).reshape(len(audio) + len(side), samples)
