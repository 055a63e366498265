"""What one step of SPS has encoded, predicted and decoded, and the loss terms that read it.

Every term is a sum over the batch, over time and over pixels or dimensions. Nothing is detached: gradients
flow into both sides of every difference of codes.

Source: "Learning interpretable low-dimensional representation via physical symmetry" (2023), equations of
the objective.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from latentfx.methods.common.gaussian import Gaussian, kl_divergence
from latentfx.methods.terms import Term


@dataclass(frozen=True)
class SequencePass:
    """A batch after one pass through the networks.

    Args:
        images: of each sequence.
        q: posteriors of content and style.
        z: content that was drawn from q; its mean in an autoencoder.
        decoded: logits of z.
        predicted: by the prior; None in a beta-VAE.
        decoded_predicted: logits of these.
        turned: for each group, what the prior predicts of transformed codes, transformed back.
        decoded_turned: logits of these.
        copies: transforms of each sequence.
    Shape:
        images, decoded [B, T, ...], z [B, T, C], predicted [B, T - 1, C], decoded_predicted [B, T - 1, ...],
        each turned [K, B, T - 1, C], each decoded_turned [K, B, T - 1, ...]
    """

    images: Tensor
    q: Gaussian
    z: Tensor
    decoded: Tensor
    predicted: Tensor
    decoded_predicted: Tensor
    turned: tuple[Tensor, ...] = ()
    decoded_turned: tuple[Tensor, ...] = ()
    copies: int = 0


def image_error(logits: Tensor, images: Tensor) -> Tensor:
    """Binary cross-entropy, summed over everything.

    Shape:
        logits [K, *S] or [*S], images [*S] -> a scalar
    """
    wanted = images.expand_as(logits)
    return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")


@dataclass(frozen=True)
class ImageError(Term[SequencePass]):
    """Error of the decoded codes."""

    name: str = "self"

    def __call__(self, seen: SequencePass) -> Tensor:
        return image_error(seen.decoded, seen.images)


@dataclass(frozen=True)
class Prediction(Term[SequencePass]):
    """Error of the decoded predictions."""

    name: str = "prediction"

    def __call__(self, seen: SequencePass) -> Tensor:
        return image_error(seen.decoded_predicted, seen.images[:, 1:])


@dataclass(frozen=True)
class PriorError(Term[SequencePass]):
    """Squared error of the predicted codes."""

    name: str = "prior"

    def __call__(self, seen: SequencePass) -> Tensor:
        return (seen.predicted - seen.z[:, 1:]).square().sum()


@dataclass(frozen=True)
class TurnedPrediction(Term[SequencePass]):
    """Error of the decoded predictions under a transform, averaged over the transforms of a group."""

    name: str = "turned_prediction"

    def __call__(self, seen: SequencePass) -> Tensor:
        errors = [image_error(logits, seen.images[:, 1:]) for logits in seen.decoded_turned]
        return torch.stack(errors).sum() / seen.copies


@dataclass(frozen=True)
class Equivariance(Term[SequencePass]):
    """Squared error of the codes predicted under a transform, averaged over the transforms of a group."""

    name: str = "symmetry"

    def __call__(self, seen: SequencePass) -> Tensor:
        errors = [(turned - seen.z[:, 1:]).square().sum() for turned in seen.turned]
        return torch.stack(errors).sum() / seen.copies


@dataclass(frozen=True)
class CodeAgreement(Term[SequencePass]):
    """Squared difference of the predictions with and without a transform, averaged as above."""

    name: str = "agreement"

    def __call__(self, seen: SequencePass) -> Tensor:
        errors = [(turned - seen.predicted).square().sum() for turned in seen.turned]
        return torch.stack(errors).sum() / seen.copies


@dataclass(frozen=True)
class CodeDivergence(Term[SequencePass]):
    """KL(q(z | x) || N(0, I)) of content and style."""

    name: str = "kl"

    def __call__(self, seen: SequencePass) -> Tensor:
        return kl_divergence(seen.q).sum()
