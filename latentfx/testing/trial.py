"""A method in training, as a run trains it, but for a few steps on a few examples."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from latentfx.methods.base import AnyExample, Objective, Player
from latentfx.testing.drive import gap

LR = 1e-3
Batch = dict[str, Tensor]
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Trial:
    """A method, and how it is tried.

    Args:
        method: class of the objective.
        config: of its `config_type`.
        examples: to train on.
        crop_frames: frames in a crop.
        batch_size: crops in a batch.
        steps: in each stage.
        seed: of everything that is drawn.
    """

    method: type[Objective]
    config: Any
    examples: Sequence[AnyExample]
    crop_frames: int
    batch_size: int
    steps: int
    seed: int

    def fresh(self) -> Objective:
        """The objective from its config, as it is before any training, in training mode."""
        torch.manual_seed(self.seed)
        return self.method(self.config).train()

    def prepared(self) -> tuple[Objective, list[Batch]]:
        """A fresh objective that has prepared the examples, and batches for every step of every stage."""
        objective = self.fresh()
        features = objective.prepare(self.examples)
        generator = torch.Generator().manual_seed(self.seed)
        usable = torch.nonzero(features.lengths >= self.crop_frames).flatten()
        batches = []
        for _ in range(2 * self.steps * len(objective.stages)):
            clip = usable[torch.randint(len(usable), (self.batch_size,), generator=generator)]
            room = features.lengths[clip] - self.crop_frames + 1
            start = (torch.rand(self.batch_size, generator=generator) * room).long()
            batches.append(features.crop(clip, start, self.crop_frames))
        return objective, batches

    def part(self, batches: Sequence[Batch], stage: int) -> Sequence[Batch]:
        """The batches of one stage: `steps` of them, and as many to go on with."""
        size = 2 * self.steps
        return batches[stage * size : (stage + 1) * size]


class Life:
    """One training of an objective.

    Args:
        objective: that is trained.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.players = objective.players()
        self.optimizers = [_optimizer(player) for player in self.players]
        self.losses: list[float] = []

    def train(self, batches: Sequence[Batch]) -> None:
        """One step for every batch."""
        self.objective.train()
        for batch in batches:
            for player, optimizer in zip(self.players, self.optimizers, strict=True):
                self._step(player, optimizer, batch)

    def _step(self, player: Player, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = player.loss(dict(batch))["loss"]
        moved = [value for value in player.parameters if value.requires_grad]
        gradients = torch.autograd.grad(loss, moved, allow_unused=True)
        for value, gradient in zip(moved, gradients, strict=True):
            value.grad = gradient
        optimizer.step()
        self.losses.append(float(loss.detach()))

    def snapshot(self) -> Snapshot:
        """All that the next step depends on."""
        optimizers = [copy.deepcopy(optimizer.state_dict()) for optimizer in self.optimizers]
        return Snapshot(weights_of(self.objective), optimizers, torch.get_rng_state())


@dataclass(frozen=True)
class Snapshot:
    """The state of a training between two steps; what a checkpoint holds."""

    weights: Weights
    optimizers: list[dict[str, Any]]
    rng: Tensor

    def restore(self, life: Life) -> None:
        """Put it into a life whose stages have begun."""
        life.objective.load_state_dict(self.weights)
        for optimizer, state in zip(life.optimizers, self.optimizers, strict=True):
            optimizer.load_state_dict(copy.deepcopy(state))
        torch.set_rng_state(self.rng)


def weights_of(objective: nn.Module) -> Weights:
    """Copies of everything that a checkpoint keeps."""
    return {name: value.detach().clone() for name, value in objective.state_dict().items()}


def changed(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> list[str]:
    """Names of values that differ, or that only one of them has."""
    names = sorted({*before, *after})
    return [name for name in names if not _same(before.get(name), after.get(name))]


def _same(first: Tensor | None, second: Tensor | None) -> bool:
    return first is not None and second is not None and gap(first.double(), second.double()) == 0.0


def _optimizer(player: Player) -> torch.optim.Optimizer:
    lr = LR if player.lr is None else player.lr
    return torch.optim.AdamW(player.parameters, lr=lr, betas=player.betas, weight_decay=0.0)
