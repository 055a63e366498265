"""State for a host that keeps none: nn~ calls a method with nothing but audio."""

import torch
from torch import Tensor, nn

from latentfx.plugin import State


class Memory(nn.Module):
    """Keeps the state of every batch row between calls, in one buffer that each call replaces.

    A row whose state is no longer finite starts again. All rows start again when their number changes.

    Args:
        row: state of one row at the start.
    Shape:
        row: each value [1, ...]
    """

    names: list[str]
    sizes: list[int]
    shapes: list[list[int]]
    fresh: Tensor
    start: Tensor
    held: Tensor

    def __init__(self, row: State) -> None:
        super().__init__()
        self.names = list(row)
        self.sizes = [value.numel() for value in row.values()]
        self.shapes = [list(value.shape[1:]) for value in row.values()]
        flat = [torch.zeros(1, 0), *(value.detach().reshape(1, -1) for value in row.values())]
        self.register_buffer("fresh", torch.cat(flat, 1))
        self.register_buffer("start", self.fresh.clone())
        self.register_buffer("held", self.fresh.clone())

    def read(self, batch: int) -> dict[str, Tensor]:
        """The state as the last call left it.

        Shape:
            -> each value [B, ...]
        """
        if self.held.shape[0] != batch:
            self.start = self.fresh.repeat(batch, 1)
            self.held = self.start
        state: dict[str, Tensor] = {}
        if len(self.names) > 0:
            parts = torch.split_with_sizes(self.held, self.sizes, 1)
            for index, name in enumerate(self.names):
                state[name] = parts[index].reshape([batch] + self.shapes[index])
        return state

    def write(self, state: dict[str, Tensor]) -> None:
        """Keep a state for the next call."""
        if len(self.names) > 0:
            held = torch.cat([state[name].reshape([state[name].shape[0], -1]) for name in self.names], 1)
            sound = held.abs().sum(1, keepdim=True) <= 1e30
            self.held = torch.where(sound, held, self.start)

    def reset(self) -> None:
        """Go back to the start of the stream; what was learnt stays."""
        self.held = self.start

    def learn(self, source: str, target: str) -> None:
        """Put a part of the state, as it is now, in the place of another, now and after every reset.

        The stream goes on; the part that was read gathers anew.

        Args:
            source: name of the state that is read.
            target: name of the state, of the same shape, that is replaced.
        """
        state = self.read(self.held.shape[0])
        learnt = state[source].reshape([self.held.shape[0], -1])
        self.held = self.put(self.put(self.held, target, learnt), source, self.part(self.start, source))
        self.start = self.put(self.start, target, learnt)

    def part(self, flat: Tensor, name: str) -> Tensor:
        """One state out of all.

        Shape:
            flat [B, S] -> [B, size]
        """
        return torch.split_with_sizes(flat, self.sizes, 1)[self.names.index(name)]

    def put(self, flat: Tensor, name: str, value: Tensor) -> Tensor:
        """All states with another one in a place.

        Shape:
            flat [B, S], value [B, size] -> [B, S]
        """
        parts = list(torch.split_with_sizes(flat, self.sizes, 1))
        parts[self.names.index(name)] = value
        return torch.cat(parts, 1)
