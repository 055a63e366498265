"""Four variational autoencoders of one family: VAE, beta-VAE, FactorVAE and beta-TCVAE.

All have one encoder, one decoder and one code a clip. They differ in the list of terms alone; FactorVAE has a
second player beside, the discriminator.

Source: Brima, Krumnack, Pika, Heidemann, "Learning disentangled audio representations through controlled
synthesis" (SynTone), 2024, and its code. VAE: Kingma & Welling 2014; beta-VAE: Higgins et al. 2017;
FactorVAE: Kim & Mnih 2018; beta-TCVAE: Chen et al. 2018.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from latentfx.methods.base import AnyExample, Objective, Player
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import Gaussian, sample
from latentfx.methods.syntone.config import SynToneConfig
from latentfx.methods.syntone.densities import stratified_log_weights
from latentfx.methods.syntone.images import MelImages
from latentfx.methods.syntone.networks import Discriminator, ImageDecoder, ImageEncoder
from latentfx.methods.syntone.terms import (
    DimensionDivergence,
    Divergence,
    JudgedCorrelation,
    MutualInformation,
    Reconstruction,
    Seen,
    TotalCorrelation,
    discriminator_loss,
    shuffled_dimensions,
)
from latentfx.methods.terms import Term, add_up


class SynTone(Objective):
    """Encoder, decoder, and the terms of one of the four objectives.

    Args:
        config: see `SynToneConfig`.
    """

    config_type: ClassVar[type] = SynToneConfig
    stages: ClassVar[tuple[str, ...]] = ("train",)
    config: SynToneConfig
    total: Tensor

    def __init__(self, config: SynToneConfig) -> None:
        super().__init__(config)
        sizes = config.mel.n_mels, config.mel.frames, config.z_size
        self.images = MelImages(config.mel)
        self.encoder, self.decoder = ImageEncoder(*sizes), ImageDecoder(*sizes)
        for network in (self.encoder, self.decoder):  # twice as fast on a processor
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        judged = config.kind == "factor-vae"
        self.discriminator = Discriminator(config.z_size, config.discriminator_width) if judged else None
        self.register_buffer("total", torch.zeros((), dtype=torch.long))
        self.terms = terms_of(config)

    @property
    def sample_rate(self) -> int:
        return self.config.mel.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Mel power of every example; the first call counts them."""
        cache = self.images.prepare(examples)
        if not bool(self.total > 0):
            self.total.fill_(len(cache.lengths))
        return cache

    def players(self) -> tuple[Player, ...]:
        """The autoencoder; and of FactorVAE the discriminator, with an optimiser of its own."""
        if self.discriminator is None:
            return super().players()
        own = (*self.encoder.parameters(), *self.decoder.parameters())
        judge = tuple(self.discriminator.parameters())
        score = functools.partial(self.discriminate, self.discriminator)
        lr = self.config.discriminator_lr
        return (
            Player("model", own, self.loss),
            Player("discriminator", judge, score, lr=lr, betas=(0.5, 0.9)),
        )

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of the objective; FactorVAE scores the first half of the batch."""
        return add_up(self.terms, self.see(self._halves(batch)[0]))

    def discriminate(self, discriminator: Discriminator, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The discriminator's loss: codes of the first half, shuffled codes of the second."""
        with torch.no_grad():
            first, second = (sample(self.encoder(image)) for image in self._halves(batch))
            other = shuffled_dimensions(second)
        return {"loss": discriminator_loss(discriminator, first, other)}

    def see(self, image: Tensor) -> Seen:
        """Encode, draw and decode.

        Shape:
            [B, n_mels, frames]
        """
        q = self.encoder(image)
        z = sample(q)
        weights = self._log_weights(len(z)).to(z.device)
        return Seen(image, q, z, self.decoder(z), weights, self.discriminator)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means, one a clip."""
        return {"z": self.posteriors(batch)["z"][0]}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        """Mean and log-variance of q(z | image), one a clip."""
        return {"z": self.encoder(self.images(batch["power"]))}

    def _halves(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        image = self.images(batch["power"])
        if self.discriminator is None or len(image) < 2:
            return image, image
        middle = (len(image) + 1) // 2
        return image[:middle], image[middle:]

    def _log_weights(self, batch: int) -> Tensor:
        total = max(int(self.total), batch)
        if batch < 2:
            return torch.zeros(batch, batch)
        return stratified_log_weights(batch, total, self.config.stratified)


def terms_of(config: SynToneConfig) -> tuple[Term[Any], ...]:
    """What an objective adds up."""
    summed = config.regularisation == "sum"
    divergence = Divergence(summed=summed)
    if config.kind == "factor-vae":
        return Reconstruction(), divergence, JudgedCorrelation(config.weight, summed=summed)
    if config.kind == "beta-tcvae":
        correlation = TotalCorrelation(config.weight, summed=summed)
        return (
            Reconstruction(),
            MutualInformation(summed=summed),
            correlation,
            DimensionDivergence(summed=summed),
        )
    return Reconstruction(), Divergence(config.weight, summed=summed)
