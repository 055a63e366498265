"""What the objectives of the sequential autoencoders share: the evidence lower bound, and the teacher.

A method of the family is a subclass that adds terms (`compare`); what a model sees and writes is a `Views`
maker given to it, what decodes is in the networks given to it. DSAE itself adds nothing.

Source: Li & Mandt, "Disentangled sequential autoencoder" (2018), without an encoder of z that reads v.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae.config import Reduction, Terms
from latentfx.methods.dsae.networks import DSAE, Gaussian, kl_divergence, sample
from latentfx.methods.dsae.views import ViewMaker, Views

Weighted = tuple[float | Tensor, Tensor]


@dataclass(frozen=True)
class Reducer:
    """How terms of unlike sizes become comparable numbers; see `Terms`.

    Args:
        reduction: means, or sums that are divided by the size of the whole spectrogram.
        bins: of a decoded frame.
        clip_frames: frames that one v stands for.
    """

    reduction: Reduction
    bins: int
    clip_frames: int

    @property
    def error_scale(self) -> float:
        """What mean squared errors are multiplied by."""
        return 1.0 if self.reduction == "mean" else 0.5

    def frames(self, nats: Tensor) -> Tensor:
        """A divergence that every frame has.

        Shape:
            [B, N, Z] -> scalar
        """
        return nats.mean() if self.reduction == "mean" else nats.sum(-1).mean() / self.bins

    def clips(self, nats: Tensor) -> Tensor:
        """A divergence that every clip has once.

        Shape:
            [B, V] -> scalar
        """
        return (
            nats.mean() if self.reduction == "mean" else nats.sum(-1).mean() / (self.clip_frames * self.bins)
        )


@dataclass(frozen=True)
class Drawn:
    """What one step has drawn, for the terms that compare decodings.

    Args:
        views: what the networks see.
        q_v, q_z: posteriors.
        v, z: drawn from them; z with the conditions that the decoder sees beside it.
        p_v: the teacher's posterior of v; None before there is a teacher.
        reducer: makes terms comparable.
    """

    views: Views
    q_v: Gaussian
    q_z: Gaussian
    v: Tensor
    z: Tensor
    p_v: Gaussian | None
    reducer: Reducer


class DSAEObjective(Objective):
    """The networks, their teacher once there is one, and the loss.

    Args:
        config: weights of the terms.
        features: of clips, and views of a batch of them.
        networks: fresh.
    """

    stages: ClassVar[tuple[str, ...]] = ("train",)
    config: Terms
    features: ViewMaker
    prepared: Tensor

    def __init__(self, config: Terms, features: ViewMaker, networks: DSAE) -> None:
        super().__init__(config)
        self.features, self.networks = features, networks
        self.register_buffer("prepared", torch.zeros((), dtype=torch.bool))
        self.teacher: DSAE | None = None

    @property
    def sample_rate(self) -> int:
        return self.features.sample_rate

    def prepare(self, clips: Sequence[AnyExample]) -> FeatureCache:
        """Features of every clip; the decoder starts from their mean."""
        cache = self.features.prepare(clips)
        if not self.prepared:
            self.prepared.fill_(True)
            self.networks.decoder.start_from(cache.frames[self.features.target].float().mean(dim=0))
        return cache

    def begin_stage(self, index: int) -> None:
        """Freeze the teacher at the start of the second stage."""
        if index == 1:
            self.teacher = copy.deepcopy(self.networks).requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """As all modules do, but that the teacher stays in evaluation mode."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    @property
    def local_waits(self) -> bool:
        """Whether z and its prior keep their weights for now."""
        return False

    def compare(self, drawn: Drawn) -> tuple[Tensor, dict[str, Weighted]]:
        """Decode, and score what this method scores beside the error.

        Shape:
            -> decoded [B, N or 1, F], scalars with their weights
        """
        decoder = self.networks.decoder
        history = decoder.history(drawn.views.target, drawn.z, drawn.v)
        return decoder.forced(drawn.z, drawn.v, history), {}

    def draw_v(self, q_v: Gaussian, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Weighted]]:
        """Draw v, and score what depends on it alone.

        Shape:
            two of [B, V] -> [B, V], scalars with their weights
        """
        return sample(q_v), {}

    def as_compared(self, spectra: Tensor) -> Tensor:
        """The form in which spectra are compared.

        Shape:
            [..., F] -> [..., F]
        """
        return spectra

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The objective of the stage.

        Returns:
            `error` (mean squared), `kl_z` (nats a frame), `kl_v` (nats a clip), what the method adds, and
            their weighted sum `loss`.
        Shape:
            as the views make them -> every value a scalar
        """
        views, networks = self.features(batch), self.networks
        reducer = Reducer(self.config.reduction, views.target.shape[-1], views.clip_frames)
        q_v, q_z = networks.global_encoder(views.overview, views.active), networks.local_encoder(views.local)
        z = sample(q_z)
        kl_z = kl_divergence(q_z, networks.prior(z))
        if self.local_waits:
            z, kl_z = z.detach(), kl_z.detach()
        p_v = None if self.teacher is None else self.teacher.global_encoder(views.overview, views.active)
        kl_v = kl_divergence(q_v, p_v)
        v, more = self.draw_v(q_v, batch)
        drawn = Drawn(views, q_v, q_z, v, views.conditioned(z), p_v, reducer)
        decoded, compared = self.compare(drawn)
        difference = self.as_compared(views.target) - self.as_compared(decoded)
        error = self.mean_square(difference)
        more.update(compared)
        total = reducer.error_scale * error + self.config.beta * reducer.frames(kl_z) + reducer.clips(kl_v)
        for weight, value in more.values():
            total = total + weight * value
        parts = {"loss": total, "error": error, "kl_z": kl_z.sum(-1).mean(), "kl_v": kl_v.sum(-1).mean()}
        return {**parts, **{name: value for name, (_, value) in more.items()}}

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means of v, for each clip, and of z, for each frame."""
        views, networks = self.features(batch), self.networks
        v, _ = networks.global_encoder(views.overview, views.active)
        z, _ = networks.local_encoder(views.local)
        return {"v": v, "z": z}

    def mean_square(self, difference: Tensor) -> Tensor:
        """Mean over clips, frames and bins, each bin with its weight.

        Shape:
            [B, N, F] -> scalar
        """
        return (difference.square() * self.features.bin_weights).mean()
