"""The published models: four variational autoencoders of mel images, one code a clip.

They differ in the list of terms alone; FactorVAE has a second player beside, the discriminator.

Source: see `latentfx.methods.syntone.family`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import Gaussian
from latentfx.methods.syntone.config import SynToneConfig
from latentfx.methods.syntone.family import AutoencoderFamily
from latentfx.methods.syntone.images import MelImages
from latentfx.methods.syntone.networks import ImageDecoder, ImageEncoder


class SynTone(AutoencoderFamily):
    """Encoder and decoder of mel images.

    Args:
        config: see `SynToneConfig`.
    """

    config_type: ClassVar[type] = SynToneConfig
    config: SynToneConfig

    def __init__(self, config: SynToneConfig) -> None:
        sizes = config.mel.n_mels, config.mel.frames, config.z_size
        super().__init__(config, ImageEncoder(*sizes), ImageDecoder(*sizes))
        for network in (self.encoder, self.decoder):  # twice as fast on a processor
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.images = MelImages(config.mel)

    @property
    def sample_rate(self) -> int:
        return self.config.mel.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Mel power of every example; the first call counts them."""
        cache = self.images.prepare(examples)
        self.counted(len(cache.lengths))
        return cache

    def inputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Images of whole clips."""
        image: Tensor = self.images(batch["power"])
        return image

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means, one a clip."""
        return {"z": self.posteriors(batch)["z"][0]}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        """Mean and log-variance of q(z | image), one a clip."""
        return {"z": self.encoder(self.inputs(batch))}
