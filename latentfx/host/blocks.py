"""Whole blocks through a plugin, state kept: the call that live hosts make.

What comes out of a plugin is checked at every step: a block with numbers that are no sound is silence, and a
state that is not finite starts anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import ShapeError
from latentfx.host.plugin_file import Metadata
from latentfx.host.session import STEP_LIMIT_S, Runs

if TYPE_CHECKING:
    import onnxruntime

LOUDEST: Final = 1e4  # of what comes out of a plugin: 80 dB above full scale
_ALIGNED: Final = 16  # values: each state begins at a multiple of 64 bytes


class OpenedGraph(Protocol):
    """What a `BlockStream` plays: a plugin's graph."""

    session: onnxruntime.InferenceSession
    metadata: Metadata

    def check_size(self, batch: int, samples: int) -> None:
        """Refuse a step of so many rows and samples that takes too much memory or work."""


class BlockStream:
    """Whole blocks through a plugin.

    Everything that `step` needs is allocated once for each length. The plugin's controls are read at every
    step.

    Args:
        graph: the plugin.
        batch: rows run side by side, each with a state of its own.
        initial: state of a row at the start.
        controls: values of the controls, shared with whoever turns them.
        limit_s: a step that takes longer is ended.
    """

    def __init__(
        self,
        graph: OpenedGraph,
        batch: int,
        initial: Mapping[str, Float32],
        controls: Float32,
        limit_s: float = STEP_LIMIT_S,
    ) -> None:
        self.batch = batch
        self.silenced = 0
        self._graph = graph
        self._spec = graph.metadata.spec
        self._runs = Runs(graph.session, self._spec.name, limit_s)
        self._initial = initial
        self._knobs = controls
        self._controls = np.zeros((batch, len(self._spec.controls)), np.float32)
        self._states = _States(batch, initial), _States(batch, initial)
        self._passes: dict[int, _Pass] = {}
        self._now = 0
        self.reset()

    def step(self, audio: Float32) -> Float32:
        """Run one block, or several at once: the same sound, and faster.

        A block of a row that holds NaN, infinity or values beyond `LOUDEST` becomes silence, and is counted
        in `silenced`. A state that is not finite goes back to the start of the stream.

        Returns:
            The output, in memory that the next step of this length writes again: copy it to keep it.
        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block

        Raises:
            ShapeError: audio of another shape.
            PluginFileError: the graph failed, or took longer than it may.
        """
        run = self._passes.get(audio.shape[-1]) or self._prepare(audio.shape)
        if audio.shape != run.audio.shape:
            raise ShapeError(f"a block has the shape {audio.shape}; allowed {run.audio.shape}")
        np.copyto(run.audio, audio)
        np.copyto(self._controls, self._knobs)
        self._runs.run_bound(run.bindings[self._now])
        after = self._states[1 - self._now].memory
        with np.errstate(all="ignore"):
            fine = _power(run.out) <= LOUDEST**2 and _power(after) < math.inf
        if fine:
            self._now = 1 - self._now
        else:
            self._mend(run)
        return run.out

    def reset(self) -> None:
        """Go back to the start of the stream."""
        for name, row in self._initial.items():
            self._states[self._now].parts[name][:] = row

    def state(self, name: str) -> Float32:
        """The state of every row as the next step will read it.

        Shape:
            -> [B, ...]
        """
        return self._states[self._now].parts[name]

    def _mend(self, run: _Pass) -> None:
        """Go over a step that gave bad numbers: block by block, so that one bad block silences no other."""
        size, samples = self._spec.block_size, run.audio.shape[-1]
        after = self._states[1 - self._now]
        fine = is_sound(run.out) and _is_finite(after.memory)
        if samples > size and not fine:
            audio = run.audio.copy()
            parts = [self.step(audio[:, :, at : at + size]).copy() for at in range(0, samples, size)]
            np.concatenate(parts, axis=2, out=run.out)
            return
        for row in range(0 if fine else self.batch):
            if not is_sound(run.out[row]):
                run.out[row] = 0
                self.silenced += 1
            if not all(_is_finite(value[row]) for value in after.parts.values()):
                for name, start in self._initial.items():
                    after.parts[name][row] = start
        self._now = 1 - self._now

    def _prepare(self, shape: tuple[int, ...]) -> _Pass:
        """Allocate what steps of this length need."""
        spec, samples = self._spec, shape[-1]
        allowed = (self.batch, spec.in_channels, samples)
        if shape != allowed or samples < 1 or samples % spec.block_size:
            raise ShapeError(
                f"audio has the shape {shape}; allowed [{self.batch}, {spec.in_channels}, T] "
                f"with T a multiple of {spec.block_size}"
            )
        self._graph.check_size(self.batch, samples)
        audio = np.zeros(allowed, np.float32)
        out = np.zeros((self.batch, spec.out_channels, samples), np.float32)
        bindings = tuple(self._bind(audio, out, *pair) for pair in (self._states, self._states[::-1]))
        self._passes[samples] = _Pass(audio, out, bindings)
        return self._passes[samples]

    def _bind(self, audio: Float32, out: Float32, before: _States, after: _States) -> onnxruntime.IOBinding:
        binding = self._graph.session.io_binding()
        inputs = {"audio": audio, "controls": self._controls}
        inputs |= {f"state_{name}": value for name, value in before.parts.items()}
        outputs = {"audio_out": out} | {f"state_{name}_out": value for name, value in after.parts.items()}
        for name, value in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        for name, value in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        return binding


class _States:
    """The state of every row: parts of one piece of memory, so that one look finds bad numbers in all.

    Args:
        batch: how many rows.
        initial: name -> state of one row.
    """

    def __init__(self, batch: int, initial: Mapping[str, Float32]) -> None:
        sizes = [batch * row.size for row in initial.values()]
        rooms = [-(-size // _ALIGNED) * _ALIGNED for size in sizes]
        self.memory = np.zeros(sum(rooms), np.float32)
        self.parts: dict[str, Float32] = {}
        start = 0
        for (name, row), size, room in zip(initial.items(), sizes, rooms, strict=True):
            self.parts[name] = self.memory[start : start + size].reshape(batch, *row.shape)
            start += room


@dataclass(frozen=True)
class _Pass:
    """Memory and bindings for steps of one length; the two bindings exchange old and new state."""

    audio: Float32
    out: Float32
    bindings: tuple[onnxruntime.IOBinding, ...]


def is_sound(out: Float32) -> bool:
    """Whether all values may be sound: finite, and not beyond `LOUDEST`."""
    return out.size == 0 or (float(out.max()) <= LOUDEST and float(out.min()) >= -LOUDEST)


def _power(values: Float32) -> float:
    """The sum of squares, which is not finite where a value is not: the quickest look at all of them."""
    flat = values.ravel()
    return float(flat.dot(flat))


def _is_finite(state: Float32) -> bool:
    return bool(np.isfinite(state).all())
