"""A running average of the weights, smoother than the weights themselves."""

from __future__ import annotations

import copy

import torch

from latentfx.methods.base import Objective


class RunningAverage:
    """Averages the trained weights of an objective and copies all else.

    Args:
        objective: what is averaged; the average starts as a copy of it.
        decay: share that the past keeps at each step; smaller in the first steps, (1 + n) / (10 + n).
    """

    def __init__(self, objective: Objective, decay: float) -> None:
        self.module = copy.deepcopy(objective)
        self._decay = decay

    @torch.no_grad()
    def update(self, objective: Objective, step: int) -> None:
        """Take in the weights after the given step (1 is the first)."""
        keep = min(self._decay, (1 + step) / (10 + step))
        trained = {name for name, value in objective.named_parameters() if value.requires_grad}
        new = objective.state_dict()
        for name, value in self.module.state_dict().items():
            if name in trained:
                value.lerp_(new[name], 1.0 - keep)
            else:
                value.copy_(new[name])
