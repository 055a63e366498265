"""Mel spectrograms of whole examples as images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentfx.dsp.mel import InverseMel, mel_filters
from latentfx.errors import DataError
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.syntone.config import MelImageConfig

UPDATES = 100
ROUNDS = 32


class MelImages(nn.Module):
    """Power in mel bands, and how it becomes an image.

    Args:
        config: frames, bands and norm.
    """

    window: Tensor
    filters: Tensor
    loudest: Tensor

    def __init__(self, config: MelImageConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        filters = mel_filters(config.sample_rate, config.n_fft, config.n_mels)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("loudest", torch.zeros(()))

    @torch.no_grad()
    def power(self, audio: Tensor) -> Tensor:
        """Power in mel bands.

        Shape:
            [..., T] -> [..., frames, n_mels]
        Raises:
            DataError: fewer frames than an image has.
        """
        config = self.config
        spectrum = torch.stft(
            audio,
            config.n_fft,
            config.hop_length,
            window=self.window,
            pad_mode="constant",
            return_complex=True,
        )
        power = torch.matmul(self.filters, spectrum.real.square() + spectrum.imag.square())
        if power.shape[-1] < config.frames:
            raise DataError(
                f"an example of {audio.shape[-1]} samples has {power.shape[-1]} frames; wanted "
                f"{config.frames}: give longer examples, or lower method.mel.frames"
            )
        return power[..., : config.frames].transpose(-1, -2)

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Power of every example; the first call learns what is loudest."""

        def powers() -> Iterator[dict[str, Tensor]]:
            for example in examples:
                yield {"power": self.power(torch.from_numpy(example.audio))}

        cache = FeatureCache.join(powers())
        if not bool(self.loudest > 0.0):
            self.loudest.fill_(float(cache.frames["power"].max()))
        return cache

    def forward(self, power: Tensor) -> Tensor:
        """The image.

        Shape:
            [B, frames, n_mels] -> [B, n_mels, frames], from 0 to 1
        """
        if self.config.norm == "frame":
            share = power / power.amax(dim=-1, keepdim=True).clamp_min(1e-20)
        else:
            share = power / self.loudest
        if self.config.scale == "db":
            floor = 10.0 ** (-self.config.range_db / 10.0)
            share = 1.0 + torch.log10(share.clamp_min(floor)) * (10.0 / self.config.range_db)
        return share.transpose(-1, -2)

    def audio_power(self, image: Tensor) -> Tensor:
        """Power in mel bands that an image stands for; what `norm = "frame"` took away stays 1.

        Shape:
            [..., n_mels, frames] -> [..., frames, n_mels]
        """
        share = image.transpose(-1, -2)
        if self.config.scale == "db":
            share = 10.0 ** ((share - 1.0) * (self.config.range_db / 10.0))
        return share if self.config.norm == "frame" else share * self.loudest

    @torch.no_grad()
    def audio(self, image: Tensor) -> NDArray[np.float32]:
        """Sound that has about this image: bands spread over bins, phases by Griffin and Lim.

        Shape:
            [n_mels, frames] -> [(frames - 1) * hop_length]
        Source: Griffin & Lim 1984; with momentum, Perraudin, Balazs, Soendergaard 2013.
        """
        config = self.config
        magnitude = self.linear_power(image).sqrt().numpy()
        found = librosa.griffinlim(
            magnitude, n_iter=ROUNDS, hop_length=config.hop_length, n_fft=config.n_fft, random_state=0
        )
        return np.asarray(found, dtype=np.float32)

    @torch.no_grad()
    def linear_power(self, image: Tensor) -> Tensor:
        """Power in bins that an image stands for.

        Shape:
            [n_mels, frames] -> [n_fft // 2 + 1, frames]
        """
        back: Tensor = InverseMel(self.filters, UPDATES)(self.audio_power(image).T)
        return back
