"""Branches as one stream: each has its sound ready at another time, and the sum waits for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.board.branch import INPUT, Branch
from latentfx.errors import ShapeError
from latentfx.host.side_chain import as_side, count_main_rows, join_side

_RAMP_S: Final = 0.01


class SplitStream:
    """Branches as one `Stream`: what all of them have ready is summed, and goes on."""

    def __init__(self, branches: Iterable[Branch], channels: int, sample_rate: float) -> None:
        self.channels = channels
        self.sample_rate = sample_rate
        self._lines: list[_Line] = []
        outputs = {INPUT: channels}
        for branch in branches:
            line = _Line(branch, channels, outputs[branch.side or INPUT], sample_rate)
            self._lines.append(line)
            outputs[branch.name] = line.outputs
        self.outputs = self._lines[0].outputs
        for line in self._lines:
            if line.outputs != self.outputs:
                first = self._lines[0]
                raise ShapeError(
                    f"branch {first.branch.name!r} gives {first.outputs} channels, and "
                    f"{line.branch.name!r} gives {line.outputs}; one sum needs as many of each"
                )
        for line, gain in zip(self._lines, self._gains(), strict=True):
            line.gain = gain  # it begins there

    @property
    def non_finite(self) -> int:
        """Samples that were NaN or infinite, at the first latent plugin that met them."""
        return max(line.stream.non_finite for line in self._lines)

    @property
    def silenced(self) -> int:
        """Blocks in which an effect made numbers that are no sound, of all effects together."""
        return sum(line.stream.silenced for line in self._lines)

    def push(self, audio: Float32) -> Float32:
        ready = {INPUT: audio}
        for line in self._lines:
            ready[line.branch.name] = line.push(audio, ready)
        return self._mix()

    def flush(self) -> Float32:
        nothing = np.zeros((self.channels, 0), np.float32)
        ready = {INPUT: nothing}
        for line in self._lines:
            last = line.push(nothing, ready)
            rest = line.stream.flush()
            line.mix.put(rest)
            ready[line.branch.name] = np.concatenate([last, rest], axis=1)
        return self._mix()

    def _gains(self) -> list[float]:
        branches = [line.branch for line in self._lines]
        alone = any(branch.solo for branch in branches)
        return [
            0.0 if branch.mute or (alone and not branch.solo) else 10 ** (branch.gain_db / 20)
            for branch in branches
        ]

    def _mix(self) -> Float32:
        """Sum what every branch has ready."""
        size = min(line.mix.size for line in self._lines)
        total = np.zeros((self.outputs, size), np.float32)
        for line, goal in zip(self._lines, self._gains(), strict=True):
            total += line.take(size, goal)
        return total


class _Line:
    """One branch of an open stream, and its sound that waits for that of the others."""

    def __init__(self, branch: Branch, channels: int, side_channels: int, sample_rate: float) -> None:
        self.branch = branch
        self.gain = 1.0
        self._step = 1 / (_RAMP_S * sample_rate)
        self._spec = branch.spec
        if self._spec is not None:
            self._rows = count_main_rows(self._spec, channels)
            self._main = _Queue(channels)
            self._side = _Queue(side_channels)
            channels = self._rows * self._spec.in_channels
        self.stream = branch.board.open(channels, sample_rate)
        self.outputs = self.stream.outputs
        self.mix = _Queue(self.outputs)

    def push(self, audio: Float32, ready: Mapping[str, Float32]) -> Float32:
        """Take the next samples, and those of other branches; return those that are ready."""
        if self._spec is not None and self.branch.side is not None:
            self._main.put(audio)
            self._side.put(ready[self.branch.side])
            size = min(self._main.size, self._side.size)
            side = as_side(self._side.take(size), self._rows * self._spec.side_channels)
            audio = join_side(self._main.take(size), side, self._rows)
        out = self.stream.push(audio)
        self.mix.put(out)
        return out

    def take(self, size: int, goal: float) -> Float32:
        """The next samples as loud as they are in the sum; the gain goes there in a straight line."""
        audio = self.mix.take(size)
        if self.gain == goal:
            return audio * np.float32(goal)
        way = self._step * np.arange(1, size + 1)
        gains = np.minimum(self.gain + way, goal) if goal > self.gain else np.maximum(self.gain - way, goal)
        self.gain = float(gains[-1]) if size else self.gain
        risen: Float32 = audio * gains.astype(np.float32)
        return risen


class _Queue:
    """Samples that wait."""

    def __init__(self, channels: int) -> None:
        self._audio = np.zeros((channels, 0), np.float32)

    @property
    def size(self) -> int:
        return self._audio.shape[1]

    def put(self, audio: Float32) -> None:
        self._audio = np.concatenate([self._audio, audio], axis=1)

    def take(self, size: int) -> Float32:
        taken, self._audio = self._audio[:, :size], self._audio[:, size:]
        return taken
