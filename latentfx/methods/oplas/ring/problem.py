"""The ring of pitch classes: a line in 64 dimensions becomes a circle on which FiLMR advances by a step.

Source: the OpLaS paper ("Operational latent spaces", 2024) and its public notebook; here everything that
FiLMR has is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentfx.errors import RecipeError
from latentfx.methods.common.triplet import magnitude, triplet_loss
from latentfx.methods.common.vicreg import covariance_loss, invariance_loss, variance_loss
from latentfx.methods.oplas.filmr import FiLMR
from latentfx.methods.oplas.ring.metrics import RingStudy, measure_study
from latentfx.methods.oplas.toys.many_seeds import (
    Batches,
    Watch,
    adamw_cosine,
    always,
    build_each,
    train_together,
)

__all__ = ["RingConfig", "RingProblem", "covariance_weights", "ring_objective", "train_rings"]

_FIRST, _AFTERWARDS = 0.5, 1e-5


@dataclass(frozen=True)
class RingConfig:
    """The ring in many dimensions.

    Args:
        size: dimensions.
        points: points on the diagonal, from (1, 1, ...) to (-1, -1, ...).
        hidden: width of the projector.
        decorrelation_steps: steps in which the covariance term counts.
        steps: the notebook has 131073.
        lr: peak of the rate.
    """

    size: int = 64
    points: int = 12
    hidden: int = 128
    decorrelation_steps: int = 1000
    steps: int = 4000
    lr: float = 1e-3


def ring_objective(z: Tensor, advanced: Tensor, decorrelate: Tensor) -> Tensor:
    """Loss of a ring whose next points T(z) should meet.

    Args:
        z: points in the order of the ring.
        advanced: T(z).
        decorrelate: weight of the covariance term.
    Shape:
        z [N, D], advanced [N, D], decorrelate [] -> []
    """
    neighbour, count = z.roll(-1, 0), len(z)
    health = 0.5 * variance_loss(neighbour) + decorrelate * 0.5 * (
        covariance_loss(neighbour) + covariance_loss(advanced)
    )
    triplets = triplet_loss(neighbour, advanced, z, 6.2 / count) + triplet_loss(
        advanced, neighbour, advanced.roll(count // 2, 0), 1.9
    )
    closing = functional.mse_loss(advanced[-1], neighbour[-1])  # from the last point to the first
    return (
        health
        + invariance_loss(neighbour, advanced)
        + 0.1 * triplets
        + 0.001 * magnitude(z, advanced, neighbour)
        + closing
    )


class RingProblem(nn.Module):
    """Projector and FiLMR of the ring in many dimensions."""

    line: Tensor

    def __init__(self, config: RingConfig) -> None:
        super().__init__()
        if config.points < 3:
            raise RecipeError(f"a ring of {config.points} points; allowed 3 or more")
        along = torch.linspace(1.0, -1.0, config.points)
        self.register_buffer("line", along[:, None].repeat(1, config.size))
        self.projector = nn.Sequential(
            nn.Linear(config.size, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.size),
        )
        self.operator = FiLMR(config.size)

    def points(self) -> tuple[Tensor, Tensor]:
        """Projected points, and where T takes them.

        Shape:
            -> [N, D], [N, D]
        """
        z = self.projector(self.line)
        return z, self.operator(z)

    def forward(self, decorrelate: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and projected points.

        Shape:
            decorrelate [] -> [], [N, D]
        """
        z, advanced = self.points()
        return ring_objective(z, advanced, decorrelate), z


def train_rings(
    config: RingConfig, seeds: Sequence[int], watch: Watch = always
) -> tuple[list[RingProblem], RingStudy]:
    """Train the ring in many dimensions, for several seeds at once."""
    models = build_each(lambda: RingProblem(config), seeds)
    start = [model.operator.angles() for model in models]
    batches = covariance_weights(config.decorrelation_steps, len(seeds))
    trained = train_together(
        models, seeds, adamw_cosine(config.lr), config.steps, batches=batches, watch=watch
    )
    return models, measure_study(models, seeds, start, trained)


def covariance_weights(steps: int, seeds: int) -> Batches:
    """What `ring_objective` weighs its covariance with: 0.5 for the first steps, then almost nothing.

    Shape:
        step -> [seeds]
    """

    def weights(step: int) -> tuple[Tensor]:
        return (torch.full((seeds,), _FIRST if step < steps else _AFTERWARDS),)

    return weights
