"""Loss terms of the sequential autoencoders.

Terms of unlike sizes become comparable by a `Reduction`. `mean` takes means over all axes. `elbo_sum` sums
over frames and bins, as the evidence lower bound does, and divides the whole by the size of the spectrogram;
squared errors are halved then, as for a Gaussian of variance 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from latentfx.errors import TrainingError
from latentfx.methods.common.gaussian import Gaussian, kl_divergence
from latentfx.methods.dsae.one_pass import Pass
from latentfx.methods.terms import Term

Reduction = Literal["mean", "elbo_sum"]
Form = Callable[[Tensor], Tensor]


def error_scale(reduction: Reduction) -> float:
    """What mean squared errors are multiplied by."""
    return 1.0 if reduction == "mean" else 0.5


def frame_scale(reduction: Reduction, seen: Pass) -> float:
    """What nats a frame of z are multiplied by."""
    return 1.0 / (seen.drawn.z.shape[-1] if reduction == "mean" else seen.views.bins)


def clip_scale(reduction: Reduction, seen: Pass) -> float:
    """What nats a clip of v are multiplied by."""
    whole = seen.views.clip_frames * seen.views.bins
    return 1.0 / (seen.drawn.v.shape[-1] if reduction == "mean" else whole)


def nats(q: Gaussian, p: Gaussian | None) -> Tensor:
    """Mean divergence of q from p: summed over dimensions, averaged over all else.

    Shape:
        each two of [..., D] -> a scalar
    """
    return kl_divergence(q, p).sum(-1).mean()


def as_decoded(spectra: Tensor) -> Tensor:
    """Spectra as they are: the form in which the published methods compare them."""
    return spectra


@dataclass(frozen=True)
class SpectralError(Term[Pass]):
    """Mean squared error of what was decoded.

    Args:
        form: in which spectra are compared.
    """

    name: str = "error"
    form: Form = as_decoded

    def __call__(self, seen: Pass) -> Tensor:
        return seen.mean_square(self.form(seen.views.target) - self.form(seen.decoded))


@dataclass(frozen=True)
class LocalDivergence(Term[Pass]):
    """Divergence of z from its prior, nats a frame."""

    name: str = "kl_z"
    reduction: Reduction = "mean"

    def __call__(self, seen: Pass) -> Tensor:
        return nats(seen.drawn.q_z, seen.drawn.p_z)

    def scale(self, seen: Pass) -> float:
        return frame_scale(self.reduction, seen)


@dataclass(frozen=True)
class GlobalDivergence(Term[Pass]):
    """Divergence of v from the teacher's posterior, or from N(0, I) before there is one; nats a clip."""

    name: str = "kl_v"
    reduction: Reduction = "mean"

    def __call__(self, seen: Pass) -> Tensor:
        return nats(seen.drawn.q_v, seen.drawn.p_v)

    def scale(self, seen: Pass) -> float:
        return clip_scale(self.reduction, seen)


@dataclass(frozen=True)
class GlobalSwap(Term[Pass]):
    """TS-DSAE: decoded swaps, encoded again, have the v that they were made of. Reduced."""

    name: str = "swap_v"
    reduction: Reduction = "mean"

    def __call__(self, seen: Pass) -> Tensor:
        return nats(seen.swaps.found_v, seen.swaps.wanted_v) * clip_scale(self.reduction, seen)


@dataclass(frozen=True)
class LocalSwap(Term[Pass]):
    """TS-DSAE: decoded swaps, encoded again, have the z that they were made of. Reduced."""

    name: str = "swap_z"
    reduction: Reduction = "mean"

    def __call__(self, seen: Pass) -> Tensor:
        return nats(seen.swaps.found_z, seen.swaps.wanted_z) * frame_scale(self.reduction, seen)


@dataclass(frozen=True)
class Jacobian(Term[Pass]):
    """J-DSAE: an exchange of v changes the decoded spectrum as it changes the teacher's, which knows no z.

    All four decodings are shown the same history, so that v alone differs.

    Args:
        form: in which spectra are compared.
    """

    name: str = "jacobian"
    form: Form = as_decoded

    def __call__(self, seen: Pass) -> Tensor:
        if seen.teacher is None:
            raise TrainingError(f"term {self.name!r} needs a teacher; use it from the second stage on")
        v, x, student, teacher = seen.teacher_v, seen.history, seen.networks.decoder, seen.teacher.decoder
        silent = torch.zeros_like(seen.z[:, :1])
        before, after = (teacher.forced(silent, each, x) for each in (v, v[seen.other]))
        wanted = self.form(after) - self.form(before)
        exchanged = student.forced(seen.z, seen.v[seen.other], x)
        return seen.mean_square(wanted - (self.form(exchanged) - self.form(seen.decoded)))


def bound(beta: float, reduction: Reduction, form: Form = as_decoded) -> tuple[Term[Pass], ...]:
    """The evidence lower bound: what every method of the family begins with.

    Args:
        beta: weight of the divergence of z.
        reduction: makes the terms comparable.
        form: in which spectra are compared.
    """
    return (
        SpectralError(error_scale(reduction), form=form),
        LocalDivergence(beta, reduction=reduction),
        GlobalDivergence(reduction=reduction),
    )
