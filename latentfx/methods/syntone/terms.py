"""Loss terms of the variational autoencoders: what each of the four objectives adds up.

The reconstruction is summed over the batch and its pixels. All else is averaged over the batch, and counts so
much or, with `sum`, as many times as the batch is large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from latentfx.errors import TrainingError
from latentfx.methods.common.gaussian import Gaussian, kl_divergence, sample
from latentfx.methods.syntone.densities import aggregate, log_density
from latentfx.methods.syntone.networks import Discriminator
from latentfx.methods.terms import Term


@dataclass(frozen=True)
class Seen:
    """A batch after one pass through the networks.

    Args:
        image: of each example.
        q: posteriors of the codes.
        z: drawn from q, and decoded.
        decoded: of z.
        log_weights: of minibatch stratified sampling.
        discriminator: of FactorVAE; None elsewhere.
    Shape:
        image, decoded [B, height, width], z [B, D], log_weights [B, B]
    """

    image: Tensor
    q: Gaussian
    z: Tensor
    decoded: Tensor
    log_weights: Tensor
    discriminator: Discriminator | None = None

    @cached_property
    def densities(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log q(z | x), log q(z), the sum of log q(z_j), and the sum of log p(z_j), of a draw of its own.

        Shape:
            -> four of [B], nats
        """
        z = sample(self.q)
        joint, marginals = aggregate(z, self.q, self.log_weights)
        zero = torch.zeros_like(z)
        return log_density(z, self.q).sum(-1), joint, marginals, log_density(z, (zero, zero)).sum(-1)


@dataclass(frozen=True)
class Reconstruction(Term[Seen]):
    """Squared error, summed over the batch and its pixels."""

    name: str = "error"

    def __call__(self, seen: Seen) -> Tensor:
        return (seen.decoded - seen.image).square().sum()


@dataclass(frozen=True)
class Regulariser(Term[Seen]):
    """A term that is averaged over the batch.

    Args:
        summed: count it as many times as the batch is large.
    """

    summed: bool = False

    def scale(self, seen: Seen) -> float:
        return float(len(seen.z)) if self.summed else 1.0


@dataclass(frozen=True)
class Divergence(Regulariser):
    """KL(q(z | x) || N(0, I)), nats an example."""

    name: str = "kl"

    def __call__(self, seen: Seen) -> Tensor:
        return kl_divergence(seen.q).sum(-1).mean()


@dataclass(frozen=True)
class MutualInformation(Regulariser):
    """Information between example and code, nats."""

    name: str = "information"

    def __call__(self, seen: Seen) -> Tensor:
        posterior, joint, _, _ = seen.densities
        return (posterior - joint).mean()


@dataclass(frozen=True)
class TotalCorrelation(Regulariser):
    """KL(q(z) || product of q(z_j)), nats, by minibatch stratified sampling."""

    name: str = "total_correlation"

    def __call__(self, seen: Seen) -> Tensor:
        _, joint, marginals, _ = seen.densities
        return (joint - marginals).mean()


@dataclass(frozen=True)
class DimensionDivergence(Regulariser):
    """Sum over dimensions of KL(q(z_j) || N(0, 1)), nats."""

    name: str = "dimension_kl"

    def __call__(self, seen: Seen) -> Tensor:
        _, _, marginals, prior = seen.densities
        return (marginals - prior).mean()


@dataclass(frozen=True)
class JudgedCorrelation(Regulariser):
    """Total correlation as the discriminator of FactorVAE sees it: the difference of its two logits."""

    name: str = "total_correlation"

    def __call__(self, seen: Seen) -> Tensor:
        if seen.discriminator is None:
            raise TrainingError(f"term {self.name!r} needs a discriminator; only kind 'factor-vae' has one")
        logits: Tensor = seen.discriminator(seen.z)
        return (logits[:, 0] - logits[:, 1]).mean()


@dataclass(frozen=True)
class Designation(Regulariser):
    """The first dimensions stand for properties: squared error of those of decoded codes, in deviations.

    Codes are those of the batch with every dimension shuffled by itself. A dimension then has to set its own
    property whatever the others are, and the others must leave it alone. (Ours. Attribute regularisation,
    Pati & Lerch 2020, orders the codes of examples; this term looks at what is decoded.)

    Args:
        told: codes [B, D] -> properties of what they decode to, and the ones that they stand for, [B, K].
    """

    name: str = "designation"
    told: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def __call__(self, seen: Seen) -> Tensor:
        assert self.told is not None
        found, meant = self.told(shuffled_dimensions(seen.z))
        return (found - meant).square().sum(-1).mean()


def discriminator_loss(discriminator: Discriminator, z: Tensor, shuffled: Tensor) -> Tensor:
    """Half the sum of the cross-entropies of codes of examples and of shuffled ones.

    Shape:
        each [B, D] -> a scalar, nats
    """
    real = functional.cross_entropy(discriminator(z), torch.zeros(len(z), dtype=torch.long, device=z.device))
    ones = torch.ones(len(shuffled), dtype=torch.long, device=z.device)
    return 0.5 * (real + functional.cross_entropy(discriminator(shuffled), ones))


def shuffled_dimensions(z: Tensor) -> Tensor:
    """Every dimension permuted over the batch by itself: draws from the product of the marginals.

    Shape:
        [B, D] -> [B, D]
    """
    return torch.stack([column[torch.randperm(len(column), device=z.device)] for column in z.T], dim=1)
