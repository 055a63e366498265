"""One row of a model for nn~: one channel, or one group of channels, with a memory of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentfx.arrays import Float32

from .memory import ModuleMemory, twin_of
from .ports import Ports, Value

OFFSET, SCALE = "offset", "scale"


@dataclass(frozen=True)
class Setter:
    """How controls reach an attribute.

    Args:
        name: of the attribute.
        first: position of the first of its controls.
        values: at the start, whose types the setter takes.
    """

    name: str
    first: int
    values: tuple[Value, ...]

    def wanted(self, row: Sequence[float]) -> tuple[float, ...]:
        """Values of its controls."""
        return tuple(row[self.first : self.first + len(self.values)])

    def set(self, module: torch.jit.ScriptModule, row: Sequence[float]) -> None:
        """Set the attribute to the values of its controls.

        Args:
            module: the file, opened.
            row: the values of all controls.
        """
        typed = (_typed(one, like) for one, like in zip(self.wanted(row), self.values, strict=True))
        getattr(module, f"set_{self.name}")(*typed)


@dataclass(frozen=True)
class Wiring:
    """How a model is called.

    Args:
        ports: of the file.
        setters: of its attributes.
        chain: methods from audio to audio by way of the code; none where the code cannot be turned.
        offsets: position of the first control that moves a dimension of the code; the scales follow.
        always: whether the chain plays also where the code is left as it is.
        warm_blocks: blocks that the chain needs before it sounds.
    """

    ports: Ports
    setters: tuple[Setter, ...] = ()
    chain: tuple[str, ...] = ()
    offsets: int = 0
    always: bool = False
    warm_blocks: int = 1

    @property
    def dimensions(self) -> int:
        """Of the code that can be turned."""
        return self.ports.methods["encode"].out_channels if self.chain else 0


class ModelRow:
    """One row: audio in, audio out, state and controls inside.

    Where the code is left as it is, `forward` plays. A turned code plays through `encode` and `decode`, which
    begin afresh then, and are faded to once they sound. Where `forward` is that chain, it plays always.

    Args:
        module: the file, opened; the row takes a twin of it.
        wiring: how it is called.
    """

    def __init__(self, module: torch.jit.ScriptModule, wiring: Wiring) -> None:
        self._module = twin_of(module)
        self._memory = ModuleMemory(self._module)
        self._wiring = wiring
        self._set: dict[str, tuple[float, ...]] = {}
        self._code: tuple[Tensor, Tensor] | None = None
        self._share = 1.0 if wiring.always else 0.0
        self._warm = 0

    def reset(self) -> None:
        """Forget what was heard."""
        self._memory.restore()
        self._set = {}
        self._code = None
        self._share = 1.0 if self._wiring.always else 0.0
        self._warm = 0

    def play(self, audio: Tensor, values: Float32) -> Tensor:
        """Play one block.

        Shape:
            audio [1, C_in, T], values [P] -> [1, C_out, T]
        """
        self._turn(values)
        turned = self._turned(values)
        if turned is None:
            return self._forward(audio)
        offset, scale = turned
        wanted = self._wiring.always or bool((offset != 0).any() or (scale != 1).any())
        if not wanted and self._share == 0.0:
            self._code, self._warm = None, 0
            return self._forward(audio)
        chained = self._chain(audio, offset, scale)
        self._warm += 1
        share = float(wanted and self._warm > self._wiring.warm_blocks) if not self._wiring.always else 1.0
        if share == self._share == 1.0:
            return chained
        before, self._share = self._share, share
        rise = torch.linspace(before, share, audio.shape[-1])
        return self._forward(audio) * (1 - rise) + chained * rise

    def _turn(self, values: Float32) -> None:
        """Set the attributes whose controls have moved."""
        row: list[float] = values.tolist()
        for setter in self._wiring.setters:
            wanted = setter.wanted(row)
            if wanted != self._set.get(setter.name, tuple(map(float, setter.values))):
                setter.set(self._module, row)
                self._set[setter.name] = wanted

    def _turned(self, values: Float32) -> tuple[Tensor, Tensor] | None:
        size, at = self._wiring.dimensions, self._wiring.offsets
        if not size:
            return None
        both = torch.from_numpy(values[at : at + 2 * size].copy()).reshape(2, 1, size, 1)
        return both[0], both[1]

    def _chain(self, audio: Tensor, offset: Tensor, scale: Tensor) -> Tensor:
        """From audio to audio by way of the code; offset and scale go in straight lines over the block."""
        first, *between, last = self._wiring.chain
        code: Tensor = getattr(self._module, first)(audio)
        before = self._code or (offset, scale)
        self._code = (offset, scale)
        rise = torch.arange(1, code.shape[-1] + 1) / code.shape[-1]
        moved = [old + (new - old) * rise for old, new in zip(before, (offset, scale), strict=True)]
        code = code * moved[1] + moved[0]
        for name in between:
            code = getattr(self._module, name)(code)
        out: Tensor = getattr(self._module, last)(code)
        return out

    def _forward(self, audio: Tensor) -> Tensor:
        """`forward`, at its ratios: of a group the last sample goes in, and what comes out is held."""
        port = self._wiring.ports.methods["forward"]
        out: Tensor = self._module(audio[..., port.in_ratio - 1 :: port.in_ratio])
        return out if port.out_ratio == 1 else out.repeat_interleave(port.out_ratio, -1)


def _typed(value: float, like: Value) -> Value:
    if isinstance(like, bool):
        return value > 0.5
    return math.floor(value + 0.5) if isinstance(like, int) else value
