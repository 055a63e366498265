"""What the variational autoencoders of the family share: the terms, the second player, the posteriors.

A model of the family says what its inputs are (`inputs`), and has an encoder and a decoder of them.

Source: Brima, Krumnack, Pika, Heidemann, "Learning disentangled audio representations through controlled
synthesis" (SynTone), 2024, and its code. VAE: Kingma & Welling 2014; beta-VAE: Higgins et al. 2017;
FactorVAE: Kim & Mnih 2018; beta-TCVAE: Chen et al. 2018.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from latentfx.methods.base import Objective, Player
from latentfx.methods.common.gaussian import Gaussian, sample
from latentfx.methods.syntone.config import FamilyConfig
from latentfx.methods.syntone.densities import stratified_log_weights
from latentfx.methods.syntone.networks import Discriminator
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


class AutoencoderFamily(Objective):
    """Encoder, decoder, and the terms of one of the four objectives.

    Args:
        config: see `FamilyConfig`.
        encoder: inputs [B, ...] -> mean and log-variance, each [B, D].
        decoder: [B, D] -> inputs [B, ...].
    """

    stages: ClassVar[tuple[str, ...]] = ("train",)
    config: FamilyConfig
    total: Tensor

    def __init__(self, config: FamilyConfig, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__(config)
        self.encoder, self.decoder = encoder, decoder
        judged = config.kind == "factor-vae"
        self.discriminator = Discriminator(config.z_size, config.discriminator_width) if judged else None
        self.register_buffer("total", torch.zeros((), dtype=torch.long))
        self.terms = terms_of(config)

    @abstractmethod
    def inputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the encoder sees and the decoder gives back.

        Shape:
            -> [B, ...]
        """

    def counted(self, total: int) -> None:
        """Remember how many inputs the training has; the first call counts."""
        if not bool(self.total > 0):
            self.total.fill_(total)

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
            first, second = (sample(self.posterior(image)) for image in self._halves(batch))
            other = shuffled_dimensions(second)
        return {"loss": discriminator_loss(discriminator, first, other)}

    def see(self, image: Tensor) -> Seen:
        """Encode, draw and decode.

        Shape:
            [B, ...]
        """
        q = self.posterior(image)
        z = sample(q)
        weights = self._log_weights(len(z)).to(z.device)
        wanted, decoded = self.compared(image, self.decoder(z))
        return Seen(wanted, q, z, decoded, weights, self.discriminator)

    def posterior(self, inputs: Tensor) -> Gaussian:
        """q(z | inputs).

        Shape:
            [B, ...] -> two of [B, D]
        """
        mean, logvar = self.encoder(inputs)
        return mean, logvar

    def compared(self, inputs: Tensor, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """What is compared: the inputs, and what was decoded.

        Shape:
            [B, ...], [B, ...] -> the same, in units of the error
        """
        return inputs, decoded

    def _halves(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        image = self.inputs(batch)
        if self.discriminator is None or len(image) < 2:
            return image, image
        middle = (len(image) + 1) // 2
        return image[:middle], image[middle:]

    def _log_weights(self, batch: int) -> Tensor:
        total = max(int(self.total), batch)
        if batch < 2:
            return torch.zeros(batch, batch)
        return stratified_log_weights(batch, total, self.config.stratified)


def terms_of(config: FamilyConfig) -> tuple[Term[Any], ...]:
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
