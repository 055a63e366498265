"""Views of a batch: what the networks of a sequential autoencoder read and write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentfx.dsp.log_mel import LogMel, LogMelConfig
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache


@dataclass(frozen=True)
class Views:
    """What the networks see of a batch.

    Args:
        overview: frames from which v is read.
        active: 1 where such a frame counts.
        local: frames from which z is read.
        target: frames that the decoder is to write.
        bin_weights: how much the squared error of each bin counts, 1 on average.
        clip_frames: frames of the clip that v stands for, of which `target` may be a few.
        conditions: what the decoder sees beside z; None for nothing.
    Shape:
        overview [B, M, n_global], active [B, M], local [B, N, n_local], target [B, N, n_output],
        bin_weights [n_output], conditions [B, N, C]
    """

    overview: Tensor
    active: Tensor
    local: Tensor
    target: Tensor
    bin_weights: Tensor
    clip_frames: int
    conditions: Tensor | None = None

    @property
    def bins(self) -> int:
        """Bins of a decoded frame."""
        return self.target.shape[-1]

    def conditioned(self, z: Tensor) -> Tensor:
        """What the decoder sees in the place of z.

        Shape:
            [B, N, Z] -> [B, N, Z + C]
        """
        return z if self.conditions is None else torch.cat([z, self.conditions], dim=-1)


class ViewMaker(nn.Module, ABC):
    """Makes features of examples once, and views of every batch of their crops.

    `target` names the frame feature that the decoder writes.
    """

    target: ClassVar[str]

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Rate of the examples, Hz."""

    @abstractmethod
    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Features of every example."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor]) -> Views:
        """Views of a batch of crops."""


class MelViews(ViewMaker):
    """Log-mels for all: encoders read them, the decoder writes them, every frame counts.

    Args:
        config: frames and bands.
    """

    target = "mel"
    bin_weights: Tensor

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self.log_mel = LogMel(config)
        self.register_buffer("bin_weights", torch.ones(config.n_mels), persistent=False)

    @property
    def sample_rate(self) -> int:
        return self.log_mel.config.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        return FeatureCache.join({"mel": self.frames(example.audio)} for example in examples)

    @torch.no_grad()
    def frames(self, audio: NDArray[np.float32]) -> Tensor:
        """Log-mels of one clip.

        Shape:
            [T] -> [1 + T // hop_length, n_mels]
        """
        device = self.bin_weights.device
        mel: Tensor = self.log_mel(torch.from_numpy(audio).to(device)[None])[0]
        return mel

    def forward(self, batch: Mapping[str, Tensor]) -> Views:
        mel = batch["mel"]
        return Views(mel, torch.ones_like(mel[..., 0]), mel, mel, self.bin_weights, mel.shape[1])
