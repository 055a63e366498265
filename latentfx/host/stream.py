"""Runs audio of any rate, in pieces of any length, through a plugin. The output is aligned and as long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from latentfx.arrays import Float32
from latentfx.dsp.resample import StreamResampler
from latentfx.errors import ShapeError
from latentfx.host.processor import check_rate
from latentfx.host.runs import in_runs, most_blocks
from latentfx.spec import PluginSpec

LOWEST_RATE, HIGHEST_RATE = 1000, 768_000


class Blocks(Protocol):
    """Whole blocks through a plugin: a `BlockStream`, or one whose controls are moved."""

    batch: int

    @property
    def silenced(self) -> int:
        """Blocks so far in which the plugin made numbers that are no sound."""

    def step(self, audio: Float32) -> Float32:
        """Run one block, or several; the next step may write over the output.

        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block
        """

    def state(self, name: str) -> Float32:
        """The state of every row as the next step will read it.

        Shape:
            -> [B, ...]
        """


class PluginStream:
    """A plugin as a `Stream`: resampled to its rate and back, cut into its blocks, its latency removed.

    Samples that are NaN or infinite are taken as 0 and counted in `non_finite`. Blocks in which the plugin
    made such samples are silence, and are counted in `silenced`.

    Args:
        spec: what the plugin says of itself.
        open_blocks: makes a stream of blocks with so many rows.
        channels: channels of the audio to come.
        sample_rate: Hz of the audio to come.

    Raises:
        ShapeError: a number of channels that the plugin cannot take, or a rate that is not above 0.
    """

    def __init__(
        self, spec: PluginSpec, open_blocks: Callable[[int], Blocks], channels: int, sample_rate: float
    ) -> None:
        rows = count_rows(spec, channels)
        check_rate(sample_rate)
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise ShapeError(f"sample_rate is {sample_rate!r}; allowed {LOWEST_RATE} to {HIGHEST_RATE} Hz")
        self.spec = spec
        self.channels = channels
        self.sample_rate = sample_rate
        self.non_finite = 0
        self._blocks = open_blocks(rows)
        self._most = most_blocks(spec.block_size, rows * spec.in_channels)
        self.outputs = rows * spec.out_channels
        self._in = self._out = 0
        self._pending = np.zeros((channels, 0), np.float32)
        self._pushed = 0
        self._skip = spec.latency
        self._to_plugin = StreamResampler(sample_rate, spec.sample_rate, channels)
        self._from_plugin = StreamResampler(spec.sample_rate, sample_rate, self.outputs)

    @property
    def silenced(self) -> int:
        """Blocks so far in which the plugin made numbers that are no sound."""
        return self._blocks.silenced

    def push(self, audio: Float32) -> Float32:
        """Take the next samples and return those that are ready.

        Shape:
            audio [C_in, T] -> [C_out, T2]
        """
        self._in += audio.shape[1]
        return self._emit(self._from_plugin.process(self._run(self._to_plugin.process(self._clean(audio)))))

    def flush(self) -> Float32:
        """End the stream: return the rest.

        Shape:
            -> [C_out, T]
        """
        rest = self._to_plugin.flush()
        total = self._pushed + rest.shape[1]
        silence = np.zeros((self.channels, self.spec.latency + self.spec.block_size), np.float32)
        before = self._pushed - self._pending.shape[1] - self.spec.latency
        audio = self._run(np.concatenate([rest, silence], axis=1))[:, : total - max(before, 0)]
        return self._fit(
            self._emit(np.concatenate([self._from_plugin.process(audio), self._from_plugin.flush()], axis=1))
        )

    def state(self, name: str) -> Float32:
        """State of every row after the last whole block.

        Shape:
            -> [B, ...]
        """
        return self._blocks.state(name)

    def _clean(self, audio: Float32) -> Float32:
        finite = np.isfinite(audio)
        if finite.all():
            return audio
        self.non_finite += int(audio.size - np.count_nonzero(finite))
        return np.where(finite, audio, np.float32(0))

    def _run(self, audio: Float32) -> Float32:
        """Run the whole blocks there are, without the plugin's latency."""
        size = self.spec.block_size
        self._pushed += audio.shape[1]
        queue = np.concatenate([self._pending, audio], axis=1)
        whole = queue.shape[1] // size * size
        self._pending = queue[:, whole:]
        out = np.empty((self.outputs, whole), np.float32)
        start = 0
        for blocks in in_runs(whole // size, self._most):
            end = start + blocks * size
            block = queue[:, start:end].reshape(self._blocks.batch, self.spec.in_channels, end - start)
            out[:, start:end] = self._blocks.step(block).reshape(self.outputs, end - start)
            start = end
        drop = min(self._skip, whole)
        self._skip -= drop
        return out[:, drop:]

    def _emit(self, audio: Float32) -> Float32:
        """Cut what is more than came in: resampling forth and back can add a sample."""
        audio = audio[:, : self._in - self._out]
        self._out += audio.shape[1]
        return audio

    def _fit(self, audio: Float32) -> Float32:
        missing = self._in - self._out
        return np.pad(audio, ((0, 0), (0, missing))) if missing else audio


def count_rows(spec: PluginSpec, channels: int) -> int:
    """How many rows of a batch the channels make.

    A plugin with one channel out runs once for each group of its input channels. So a mono plugin runs every
    channel on its own, and one with a side-chain takes the channels as main, side, main, side.

    Raises:
        ShapeError: a number of channels that the plugin cannot take.
    """
    if channels == spec.in_channels:
        return 1
    if spec.out_channels == 1 and channels > 0 and channels % spec.in_channels == 0:
        return channels // spec.in_channels
    side = (
        ", the last of them its side-chain: give that as a recording (side=, --side FILE), or as a channel"
        if spec.side_channels
        else f"; mix or copy its channels, so that there are {spec.in_channels}"
    )
    raise ShapeError(f"audio has {channels} channels; plugin {spec.name!r} takes {spec.in_channels}{side}")
