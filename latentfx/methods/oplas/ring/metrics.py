"""Whether points that should form a ring do, and whether an operator advances them along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from latentfx.errors import ShapeError
from latentfx.methods.oplas.toys.many_seeds import Trained

__all__ = ["RingMetrics", "RingStudy", "measure_ring", "measure_study", "plane_angles", "principal_plane"]

MAX_ERROR = 0.25
MIN_RATIO = 0.7


@dataclass(frozen=True)
class RingMetrics:
    """A ring of points in the plane of their first two principal components.

    Conventions: angles in degrees; the other numbers are ratios; a perfect ring has what stands in brackets.

    Args:
        points: how many.
        singular_ratio: second singular value over the first (1).
        explained: share of the variance that lies in the plane (1).
        winding: turns that the points make in their order, until the first is reached again (1 or -1).
        step_std_deg: standard deviation of the angles from one point to the next (0).
        radius_cv: standard deviation of the radii over their mean (0).
        relative_error: rms distance of the advanced points from the next, over the mean radius (0).
    """

    points: int
    singular_ratio: float
    explained: float
    winding: int
    step_std_deg: float
    radius_cv: float
    relative_error: float

    @property
    def succeeded(self) -> bool:
        """A round ring along which the operator advances; points may still coincide."""
        return self.relative_error < MAX_ERROR and self.singular_ratio > MIN_RATIO

    @property
    def distinct(self) -> bool:
        """Whether equal steps with this winding visit every point before they come back."""
        return math.gcd(self.winding, self.points) == 1

    @property
    def simple(self) -> bool:
        """A ring that goes round once."""
        return self.succeeded and abs(self.winding) == 1


def principal_plane(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The plane of the first two principal components.

    Shape:
        z [N, D] -> points in the plane [N, 2], its directions [2, D], all singular values [min(N, D)]
    """
    _, singular, directions = torch.linalg.svd(z - z.mean(0), full_matrices=False)
    plane = directions[:2]
    return (z - z.mean(0)) @ plane.T, plane, singular


def plane_angles(flat: Tensor) -> Tensor:
    """Angles from each point to the next, the last to the first, in radians: -pi to pi.

    Shape:
        flat [N, 2] -> [N]
    """
    angles = torch.atan2(flat[:, 1], flat[:, 0])
    return torch.remainder(angles.roll(-1) - angles + math.pi, 2.0 * math.pi) - math.pi


@torch.no_grad()
def measure_ring(z: Tensor, advanced: Tensor) -> RingMetrics:
    """Measure points in their order, and where an operator takes each of them.

    Args:
        z: points; what follows the last is the first.
        advanced: the same points after one step.
    Shape:
        z [N, D], advanced [N, D]
    Raises:
        ShapeError: fewer than 3 points or 2 dimensions, or two shapes.
    """
    if z.dim() != 2 or z.shape != advanced.shape or z.shape[0] < 3 or z.shape[1] < 2:
        raise ShapeError(
            f"points {list(z.shape)}, advanced {list(advanced.shape)}; allowed the same [N, D] twice, "
            "N 3 or more, D 2 or more"
        )
    z, advanced = z.double(), advanced.double()
    flat, _, singular = principal_plane(z)
    radii, steps = torch.linalg.vector_norm(flat, dim=-1), plane_angles(flat)
    missed = torch.linalg.vector_norm(advanced - z.roll(-1, 0), dim=-1).square().mean().sqrt()
    return RingMetrics(
        points=len(z),
        singular_ratio=float(singular[1] / singular[0]),
        explained=float(singular[:2].square().sum() / singular.square().sum()),
        winding=round(float(steps.sum()) / (2.0 * math.pi)),
        step_std_deg=math.degrees(float(steps.std(correction=0))),
        radius_cv=float(radii.std(correction=0) / radii.mean()),
        relative_error=float(missed / radii.mean()),
    )


@dataclass(frozen=True)
class RingStudy:
    """Rings of several seeds.

    Args:
        seeds: what each model was drawn from.
        metrics: of each ring.
        start_deg: angle of each rotation before training; NaN for a matrix.
        final_deg: and after it.
        trained: the course of the training; its frames hold the points [S, N, D].
    """

    seeds: tuple[int, ...]
    metrics: tuple[RingMetrics, ...]
    start_deg: tuple[float, ...]
    final_deg: tuple[float, ...]
    trained: Trained

    @property
    def success_rate(self) -> float:
        """Share of seeds whose ring succeeded."""
        return sum(metrics.succeeded for metrics in self.metrics) / len(self.metrics)

    @property
    def simple_rate(self) -> float:
        """Share of seeds whose ring succeeded and goes round once."""
        return sum(metrics.simple for metrics in self.metrics) / len(self.metrics)


class Turning(Protocol):
    """An operator that can say its angle in degrees."""

    def angles(self) -> Tensor: ...


class RingModel(Protocol):
    """What `measure_study` needs of a trained model: its points in the order of the ring, and T of them."""

    @property
    def operator(self) -> Turning: ...

    def points(self) -> tuple[Tensor, Tensor]: ...


@torch.no_grad()
def measure_study(
    models: Sequence[RingModel], seeds: Sequence[int], start: Sequence[Tensor], trained: Trained
) -> RingStudy:
    """Measure trained models.

    Args:
        models: one for each seed.
        seeds: as they were given.
        start: angles before training.
        trained: what `train_together` returned.
    Shape:
        start [1] each
    """
    return RingStudy(
        seeds=tuple(seeds),
        metrics=tuple(measure_ring(*model.points()) for model in models),
        start_deg=tuple(float(angle) for angle in start),
        final_deg=tuple(float(model.operator.angles()) for model in models),
        trained=trained,
    )
