"""Loss terms of the mixing projector: projected stems add up, their dimensions live, and hinv undoes h.

Source: the OpLaS paper ("Operational latent spaces", 2024) and its public notebook, whose terms all weigh 1.
The original VICReg weighs its three terms 25, 25 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentfx.methods.common.vicreg import covariance_loss, invariance_loss, variance_loss
from latentfx.methods.terms import Term


@dataclass(frozen=True)
class Projected:
    """Stems and their mixes after h, and what hinv makes of some.

    Args:
        summed: sums of h(stem).
        mixed: h(mix).
        returned: hinv of the mixes, and of the embeddings that are given alone.
        wanted: those embeddings.
    Shape:
        summed [B, D], mixed [B, D], returned [2, B, D], wanted [2, B, D]
    """

    summed: Tensor
    mixed: Tensor
    returned: Tensor
    wanted: Tensor

    @property
    def both(self) -> Tensor:
        """Sums and mixes.

        Shape:
            [2, B, D]
        """
        return torch.stack([self.summed, self.mixed])


def project(into: nn.Module, back: nn.Module, stems: Tensor, mix: Tensor, alone: Tensor) -> Projected:
    """Project embeddings of stems and of their mixes.

    Args:
        into: h.
        back: hinv.
        stems: as loud as they are in the mix.
        mix: of these.
        alone: embeddings, besides the mixes, that hinv must win back.
    Shape:
        stems [K, B, D], mix [B, D], alone [B, D]
    """
    every = into(torch.cat([stems, mix[None], alone[None]]))
    wanted = torch.stack([mix, alone])
    return Projected(every[:-2].sum(0), every[-2], back(every[-2:]), wanted)


@torch.no_grad()
def additivity(projected: Projected) -> Tensor:
    """How far sums are from the mixes, as a share of their length; 0 is perfect.

    Shape:
        -> a scalar
    """
    missed: Tensor = torch.linalg.vector_norm(projected.summed - projected.mixed, dim=-1)
    length: Tensor = torch.linalg.vector_norm(projected.mixed, dim=-1)
    return (missed / length.clamp(min=1e-6)).mean()


@dataclass(frozen=True)
class Additivity(Term[Projected]):
    """Mean squared difference between sums and mixes."""

    name: str = "mix"

    def __call__(self, seen: Projected) -> Tensor:
        return invariance_loss(seen.summed, seen.mixed)


@dataclass(frozen=True)
class Variance(Term[Projected]):
    """How far standard deviations fall short of 1."""

    name: str = "variance"

    def __call__(self, seen: Projected) -> Tensor:
        return variance_loss(seen.both).mean()


@dataclass(frozen=True)
class Covariance(Term[Projected]):
    """Squared covariances between different dimensions."""

    name: str = "covariance"

    def __call__(self, seen: Projected) -> Tensor:
        return covariance_loss(seen.both).mean()


@dataclass(frozen=True)
class Inverse(Term[Projected]):
    """Squared error of hinv, of the mixes and of what is given alone."""

    name: str = "inverse"

    def __call__(self, seen: Projected) -> Tensor:
        return invariance_loss(seen.returned, seen.wanted).sum()


def mixing_terms(
    mix: float = 1.0, variance: float = 1.0, covariance: float = 1.0, inverse: float = 1.0
) -> tuple[Term[Projected], ...]:
    """The published terms with these weights."""
    return Additivity(mix), Variance(variance), Covariance(covariance), Inverse(inverse)
