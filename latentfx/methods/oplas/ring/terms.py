"""Loss terms of the ring: T of every pitch is the next one, points fill the space, and hinv undoes h.

Source: "Operational latent spaces" (2024), the ring in 64 dimensions. The inverse is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from latentfx.methods.common.triplet import magnitude, triplet_loss
from latentfx.methods.common.vicreg import covariance_loss, variance_loss
from latentfx.methods.terms import Term

STEP_MARGIN = 6.2 / 12
HALF_MARGIN = 1.9


@dataclass(frozen=True)
class Turned:
    """Pitch codes, their points on the ring, and the codes that hinv makes of these points.

    Args:
        z: codes of pitches.
        y: h(z).
        neighbour: h of the pitch class a semitone up.
        opposite: h of the pitch class seven semitones up, which is opposite to the neighbour.
        stepped: T(y).
        inverse: hinv(y).
        wanted: codes of pitches that are some steps round the ring.
        returned: hinv of y rotated by as many steps.
    Shape:
        z, inverse, wanted, returned [n, Z]; y, neighbour, opposite, stepped [n, D]
    """

    z: Tensor
    y: Tensor
    neighbour: Tensor
    opposite: Tensor
    stepped: Tensor
    inverse: Tensor
    wanted: Tensor
    returned: Tensor


@dataclass(frozen=True)
class Operation(Term[Turned]):
    """Mean squared distance between T(h(z)) and h of the next pitch class."""

    name: str = "operation"

    def __call__(self, seen: Turned) -> Tensor:
        return nn.functional.mse_loss(seen.stepped, seen.neighbour)


@dataclass(frozen=True)
class RingVariance(Term[Turned]):
    """How far standard deviations fall short of 1."""

    name: str = "variance"

    def __call__(self, seen: Turned) -> Tensor:
        return variance_loss(seen.neighbour)


@dataclass(frozen=True)
class RingCovariance(Term[Turned]):
    """Squared covariances between different dimensions."""

    name: str = "covariance"

    def __call__(self, seen: Turned) -> Tensor:
        return 0.5 * (covariance_loss(seen.neighbour) + covariance_loss(seen.stepped))


@dataclass(frozen=True)
class Triplets(Term[Turned]):
    """T(y) is nearer to the next point than y is, and than the opposite point is."""

    name: str = "triplets"

    def __call__(self, seen: Turned) -> Tensor:
        step = triplet_loss(seen.neighbour, seen.stepped, seen.y, STEP_MARGIN)
        return step + triplet_loss(seen.stepped, seen.neighbour, seen.opposite, HALF_MARGIN)


@dataclass(frozen=True)
class Magnitude(Term[Turned]):
    """Mean square of the points: it bounds the ring."""

    name: str = "magnitude"

    def __call__(self, seen: Turned) -> Tensor:
        return magnitude(seen.y, seen.neighbour, seen.stepped)


@dataclass(frozen=True)
class RingInverse(Term[Turned]):
    """Squared error of hinv, without and with a turn."""

    name: str = "inverse"

    def __call__(self, seen: Turned) -> Tensor:
        straight = nn.functional.mse_loss(seen.inverse, seen.z)
        return straight + nn.functional.mse_loss(seen.returned, seen.wanted)
