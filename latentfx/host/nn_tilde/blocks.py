"""Whole blocks through a model for nn~, as live hosts and files call it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.jit._fuser import optimized_execution

from latentfx.arrays import Float32
from latentfx.errors import PluginFileError, ShapeError
from latentfx.host.blocks import is_sound
from latentfx.spec import PluginSpec

from .row import ModelRow


class NnTildeBlocks:
    """Whole blocks through a model, state kept: what `BlockStream` is for a graph.

    The model is called with one block at a time, as nn~ calls it, so that a recording sounds as it does live.

    Args:
        spec: of the plugin.
        rows: of the model, run one after the other.
        controls: values of the controls, shared with whoever turns them.
        threads: that one call may use.
        limit_s: a step that took longer is the last one. Nothing can end it before.
    """

    def __init__(
        self, spec: PluginSpec, rows: list[ModelRow], controls: Float32, threads: int, limit_s: float
    ) -> None:
        self.batch = len(rows)
        self.silenced = 0
        self._spec = spec
        self._rows = rows
        self._knobs = controls
        self._threads = threads
        self._limit_s = limit_s
        self._outputs: dict[int, Float32] = {}

    def step(self, audio: Float32) -> Float32:
        """Run one block, or several.

        A block of a row that holds NaN, infinity or values beyond `LOUDEST` becomes silence, is counted in
        `silenced`, and the row starts again.

        Returns:
            The output, in memory that the next step of this length writes again: copy it to keep it.
        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block

        Raises:
            ShapeError: audio of another shape.
            PluginFileError: the model failed, took longer than it may, or gave another shape than it says.
        """
        spec, samples = self._spec, audio.shape[-1]
        allowed = (self.batch, spec.in_channels, samples)
        if audio.shape != allowed or samples < 1 or samples % spec.block_size:
            raise ShapeError(
                f"audio has the shape {audio.shape}; allowed [{self.batch}, {spec.in_channels}, T] "
                f"with T a multiple of {spec.block_size}"
            )
        out = self._outputs.get(samples)
        if out is None:
            out = self._outputs[samples] = np.zeros((self.batch, spec.out_channels, samples), np.float32)
        begin = time.monotonic()
        try:
            with running(self._threads):
                for at in range(0, samples, spec.block_size):
                    self._play(audio, out, slice(at, at + spec.block_size))
        except (RuntimeError, torch.jit.Error) as error:
            raise PluginFileError(
                f"a step of plugin {spec.name!r} failed ({samples} samples): {last_line(error)}"
            ) from error
        if time.monotonic() - begin > self._limit_s:
            raise PluginFileError(f"a step of plugin {spec.name!r} took longer than {self._limit_s:g} s")
        return out

    def reset(self) -> None:
        """Go back to the start of the stream."""
        with running(self._threads):
            for row in self._rows:
                row.reset()

    def state(self, name: str) -> Float32:
        """A file for nn~ shows no state.

        Raises:
            KeyError: always.
        """
        raise KeyError(f"plugin {self._spec.name!r} is a file for nn~, whose state {name!r} cannot be read")

    def _play(self, audio: Float32, out: Float32, where: slice) -> None:
        values = self._knobs.copy()
        for index, row in enumerate(self._rows):
            block = torch.from_numpy(np.ascontiguousarray(audio[index : index + 1, :, where]))
            sound = row.play(block, values).float().numpy()
            target = out[index : index + 1, :, where]
            if sound.shape != target.shape:
                raise PluginFileError(
                    f"a block of plugin {self._spec.name!r} came out as {sound.shape}; its file promises "
                    f"{target.shape}"
                )
            if is_sound(sound):
                target[:] = sound
            else:
                target[:] = 0
                self.silenced += 1
                row.reset()


def last_line(error: BaseException) -> str:
    """What TorchScript says, without the program around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]


@contextmanager
def running(threads: int) -> Iterator[None]:
    """Without gradients, without programs rewritten between two blocks, on so many threads."""
    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode(), optimized_execution(False):
            yield
    finally:
        if before != threads:
            torch.set_num_threads(before)
