"""The Stargate problem: a line in the plane becomes a ring, on which T takes each point to the next.

Source: the OpLaS paper ("Operational latent spaces", 2024) and its public notebook. There the angle starts as
the right one and is never trained, and the matrix that it is compared with is not trained and applied twice;
here both are trained and applied once.

What keeps the points from collapsing is the triplet margin against the point that T has not moved: that
T(z) be near the neighbour is not enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from latentfx.errors import RecipeError
from latentfx.methods.common.triplet import magnitude, triplet_loss
from latentfx.methods.oplas.filmr import SHIFT_SCALE
from latentfx.methods.oplas.ring.metrics import RingStudy, measure_study
from latentfx.methods.oplas.toys.many_seeds import (
    Watch,
    adam_one_cycle,
    adamw_cosine,
    always,
    build_each,
    train_together,
)

__all__ = ["PlaneRotation", "SquareMatrix", "Stargate", "StargateConfig", "train_stargates"]


@dataclass(frozen=True)
class StargateConfig:
    """The Stargate problem.

    Args:
        operator: what T is: a rotation by an angle with a scale and a shift, or any 2 x 2 matrix.
        points: points on the line from (1, 0) to (-1, 0).
        start_deg: angle that the rotation starts from; None is the right one, 360 / points.
        orthogonality: weight of the matrix's distance from an orthogonal one.
        steps: the notebook has 131073.
    """

    operator: Literal["rotation", "matrix"] = "rotation"
    points: int = 16
    start_deg: float | None = None
    orthogonality: float = 1.0
    steps: int = 4000


class PlaneRotation(nn.Module):
    """(gamma x + beta), turned by an angle: FiLMR in the plane, where the angle is all there is to learn."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1))
        self.beta = nn.Parameter(SHIFT_SCALE * torch.randn(1))
        self.angle = nn.Parameter(torch.tensor(start))

    def forward(self, x: Tensor) -> Tensor:
        cosine, sine = torch.cos(self.angle), torch.sin(self.angle)
        matrix = torch.stack([torch.stack([cosine, sine]), torch.stack([-sine, cosine])])
        turned: Tensor = (self.gamma * x + self.beta) @ matrix
        return turned

    def angles(self) -> Tensor:
        """The angle in degrees.

        Shape:
            -> [1]
        """
        return torch.rad2deg(self.angle.detach()).reshape(1)


class SquareMatrix(nn.Module):
    """x A, with entries that start from N(0, 1 / size): the baseline without any structure."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(size, size) / math.sqrt(size))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.matrix

    def distance(self) -> Tensor:
        """Mean squared difference of A^T A from the identity.

        Shape:
            -> []
        """
        return (self.matrix.T @ self.matrix - torch.eye(len(self.matrix))).square().mean()

    def angles(self) -> Tensor:
        """A matrix has no angle.

        Shape:
            -> [1]
        """
        return torch.full((1,), math.nan)


class Stargate(nn.Module):
    """Projector and operator of the problem in the plane."""

    line: Tensor

    def __init__(self, config: StargateConfig) -> None:
        super().__init__()
        if config.points < 3 or config.operator not in ("rotation", "matrix"):
            raise RecipeError(
                f"Stargate of {config.points} points with operator {config.operator!r}; "
                "allowed 3 or more, and 'rotation' or 'matrix'"
            )
        self.config = config
        self.margin = 6.0 / config.points
        along = torch.linspace(1.0, -1.0, config.points)
        self.register_buffer("line", torch.stack([along, torch.zeros_like(along)], 1))
        self.projector = nn.Sequential(*self._layer(2, 32), *self._layer(32, 32), nn.Linear(32, 2))
        start = 360.0 / config.points if config.start_deg is None else config.start_deg
        self.operator = (
            PlaneRotation(math.radians(start)) if config.operator == "rotation" else SquareMatrix(2)
        )

    @staticmethod
    def _layer(inner: int, outer: int) -> tuple[nn.Module, ...]:
        # the batch is all points, always: running statistics would be those of the batch
        return nn.Linear(inner, outer), nn.GELU(), nn.BatchNorm1d(outer, track_running_stats=False)

    def points(self) -> tuple[Tensor, Tensor]:
        """Projected points, and where T takes them.

        Shape:
            -> [N, 2], [N, 2]
        """
        z = self.projector(self.line)
        return z, self.operator(z)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Loss and projected points.

        Shape:
            -> [], [N, 2]
        """
        z, advanced = self.points()
        neighbour = z.roll(-1, 0)
        loss = triplet_loss(neighbour, advanced, z, self.margin)
        size = magnitude(z, advanced, neighbour)
        if isinstance(self.operator, SquareMatrix):
            return loss + 0.01 * size + self.config.orthogonality * self.operator.distance(), z
        return loss + 0.001 * size, z


def train_stargates(
    config: StargateConfig, seeds: Sequence[int], watch: Watch = always
) -> tuple[list[Stargate], RingStudy]:
    """Train the problem in the plane, for several seeds at once.

    A rotation learns with AdamW from 1e-3 down a half cosine, a matrix with one cycle that peaks there.
    """
    models = build_each(lambda: Stargate(config), seeds)
    optimise = adamw_cosine(1e-3) if config.operator == "rotation" else adam_one_cycle(1e-3, decay=0.01)
    start = [model.operator.angles() for model in models]
    trained = train_together(models, seeds, optimise, config.steps, watch=watch)
    return models, measure_study(models, seeds, start, trained)
