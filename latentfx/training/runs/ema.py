"""A running average of the weights, smoother than the weights themselves."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.swa_utils import PARAM_LIST, AveragedModel

from latentfx.methods.base import Objective


def running_average(objective: Objective, decay: float, steps: int = 0) -> AveragedModel:
    """Start a running average of an objective's weights; its buffers are copied.

    `update_parameters(objective)` takes in the weights after a step, `module` is the average.

    Args:
        objective: what is averaged; the average starts as a copy of it.
        decay: share that the past keeps at each step; smaller in the first steps, (1 + n) / (10 + n).
        steps: how many steps the average has seen already.
    """

    @torch.no_grad()
    def blend(averaged: PARAM_LIST, new: PARAM_LIST, step: Tensor | int) -> None:
        n = int(step)
        keep = min(decay, (1 + n) / (10 + n))
        torch._foreach_lerp_(averaged, new, 1.0 - keep)

    average = AveragedModel(objective, multi_avg_fn=blend)
    set_steps(average, steps)
    return average


def set_steps(average: AveragedModel, steps: int) -> None:
    """Say how many steps an average has seen. torch counts the copy that it starts from as the first."""
    average.n_averaged.fill_(steps + 1)
