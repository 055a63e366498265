"""The contract on the torch side: one stateful step that every host can run."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from latentfx.spec import PluginSpec

State = dict[str, Tensor]

__all__ = ["Plugin", "PluginSpec", "State"]


class Plugin(nn.Module, ABC):
    """An audio effect as a pure function of (audio, controls, state).

    A subclass sets `self.spec` in `__init__` (never as a class-level annotation: that breaks TorchScript).
    Every state tensor is float32 with the batch first, and each row depends on its own row alone.
    `latentfx.testing.verify_contract` checks the rest of the law.
    """

    def __init__(self, spec: PluginSpec) -> None:
        super().__init__()
        self.spec = spec

    @abstractmethod
    def initial_state(self, batch_size: int = 1) -> State:
        """State at the start of a stream; assigning it again is the reset.

        Shape:
            each value [B, ...], float32
        """

    @abstractmethod
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """Process some whole blocks.

        Args:
            audio: samples at `spec.sample_rate`, nominally within -1..1.
            controls: value of every control in native units, held for the call (smoothed inside).
            state: as returned by the last call, or by `initial_state`. It is not changed.
        Shape:
            audio [B, C_in, T], controls [B, P], T a multiple of block_size -> audio [B, C_out, T]
        """

    def default_controls(self, batch_size: int = 1) -> Tensor:
        """Every control at its default.

        Shape:
            -> [B, P]
        """
        return torch.tensor([self.spec.defaults], dtype=torch.float32).repeat(batch_size, 1)
