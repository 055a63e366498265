"""Many small trainings side by side: one model for each seed, their weights stacked, every step one call.

Twenty seeds of a toy problem cost little more than one. Each model draws from a generator of its own seed,
and no sum runs over seeds: up to rounding, a seed gives the same model whichever are trained beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from latentfx.errors import RecipeError, TrainingError

__all__ = [
    "Batches",
    "Trained",
    "Watch",
    "adam_one_cycle",
    "adamw_cosine",
    "always",
    "build_each",
    "train_together",
]

Model = TypeVar("Model", bound=nn.Module)
# (steps done, mean loss) -> whether to go on
Watch = Callable[[int, float], bool]
Optimise = Callable[[list[Tensor], int], tuple[Optimizer, LRScheduler]]
# step -> what every model gets, each with the seeds in front
Batches = Callable[[int], tuple[Tensor, ...]]

FRAMES = 8


@dataclass(frozen=True)
class Trained:
    """What a training leaves beside the models.

    Args:
        steps: steps done; fewer than asked for where `watch` ended it.
        losses: of every model before each step [steps, S].
        frames: steps done -> what the models showed then [S, ...]: the start, the end, and in between at
            steps in equal ratios.
    """

    steps: int
    losses: Tensor
    frames: Mapping[int, Tensor]

    def course(self, count: int) -> list[int]:
        """Steps of at most so many frames for a picture: the first one, and the last ones."""
        steps = sorted(self.frames)
        return steps if len(steps) <= count else [steps[0], *steps[1 - count :]]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build_each(build: Callable[[], Model], seeds: Sequence[int]) -> list[Model]:
    """Build one model for each seed; torch's own generator stays as it was.

    Raises:
        RecipeError: no seed, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise RecipeError(f"seeds are {list(seeds)}; allowed one or more, all different")
    models = []
    for seed in seeds:
        with _seeded(seed):
            models.append(build())
    return models


def adamw_cosine(lr: float) -> Optimise:
    """AdamW, its rate falling to 0 over the steps as a half cosine."""

    def optimise(weights: list[Tensor], steps: int) -> tuple[Optimizer, LRScheduler]:
        optimiser = torch.optim.AdamW(weights, lr=lr, fused=True)
        return optimiser, CosineAnnealingLR(optimiser, steps)

    return optimise


def adam_one_cycle(peak: float, decay: float = 0.0) -> Optimise:
    """AdamW (without weight decay it is Adam), its rate rising to a peak and falling to nearly 0."""

    def optimise(weights: list[Tensor], steps: int) -> tuple[Optimizer, LRScheduler]:
        optimiser = torch.optim.AdamW(weights, lr=peak, weight_decay=decay, fused=True)
        return optimiser, OneCycleLR(optimiser, peak, total_steps=steps)

    return optimise


def _nothing(step: int) -> tuple[Tensor, ...]:
    return ()


def always(done: int, loss: float) -> bool:
    """Go on to the end."""
    return True


def train_together(
    models: Sequence[nn.Module],
    seeds: Sequence[int],
    optimise: Optimise,
    steps: int,
    *,
    batches: Batches = _nothing,
    watch: Watch = always,
) -> Trained:
    """Train models of one kind, in place.

    Args:
        models: called with a batch, each gives a loss (a scalar) and a tensor worth a picture.
        seeds: of the models, for messages.
        optimise: makes optimiser and schedule; `adamw_cosine`, `adam_one_cycle`.
        steps: how many.
        batches: what the models get at each step.
        watch: told of every step; False ends the training there, with models that can be used.
    Raises:
        RecipeError: fewer than 2 steps.
        TrainingError: a loss is no longer a number.
    """
    if steps < 2:
        raise RecipeError(f"steps is {steps}; allowed 2 or more")
    weights, buffers = stack_module_state(list(models))
    optimiser, schedule = optimise([value for value in weights.values() if value.requires_grad], steps)
    forward = torch.func.vmap(lambda *state: functional_call(models[0], state[:2], state[2:]))
    wanted, losses, frames = _frame_steps(steps), [], {}
    for done in range(steps + 1):
        loss, shown = forward(weights, buffers, *batches(min(done, steps - 1)))
        _check(loss, seeds, done)
        ends = done == steps or not watch(done, float(loss.detach().mean()))
        if ends or done in wanted:
            frames[done] = shown.detach().clone()
        if ends:
            break
        losses.append(loss.detach())
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        schedule.step()
    _write_back(models, {**weights, **buffers})
    return Trained(len(losses), torch.stack(losses) if losses else torch.empty(0, len(models)), frames)


def _frame_steps(steps: int) -> set[int]:
    return {0, *np.geomspace(1, steps, FRAMES - 1).round().astype(int).tolist()}


def _check(loss: Tensor, seeds: Sequence[int], done: int) -> None:
    if not bool(loss.isfinite().all()):
        lost = [seed for seed, value in zip(seeds, loss.tolist(), strict=True) if not np.isfinite(value)]
        raise TrainingError(f"the loss of seeds {lost} is not a number after {done} steps; lower the rate")


@torch.no_grad()
def _write_back(models: Sequence[nn.Module], state: Mapping[str, Tensor]) -> None:
    for index, model in enumerate(models):
        model.load_state_dict({name: value[index] for name, value in state.items()})
