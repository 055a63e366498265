"""Features that the swapper reads and writes, in training and in a stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae.views import ViewMaker, Views
from latentfx.methods.swapper.clip_spectra import clip_spectra
from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.spectral import SpectralAnalysis, log_magnitudes
from latentfx.methods.swapper.timbres import number_of

QUIET_POWER = 1e-8
BAND_FLOOR = 0.04


class SpectralViews(ViewMaker):
    """Log-magnitudes to write, a log-frequency spectrum to read z from, and an overview of the whole clip.

    v is read from bands of every few frames of the whole clip, while z and the decoder see a crop of it.

    Args:
        config: see `SwapperConfig`.
    """

    target = "logmag"
    bin_weights: Tensor

    def __init__(self, config: SwapperConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("bin_weights", bin_weights(config), persistent=False)

    @property
    def sample_rate(self) -> int:
        return self.config.spectral.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Spectra of all frames; for each example, bands of every few frames and the number of its timbre."""
        analysis, config = SpectralAnalysis(self.config.spectral), self.config
        overviews: list[tuple[Tensor, Tensor]] = []
        numbers: list[int] = []

        def frames() -> Iterator[dict[str, Tensor]]:
            for example in examples:
                features = self.of_audio(example.audio, analysis)
                overviews.append((features["banded"], features["active"]))
                named = (config.instruments, config.timbre_sources)
                numbers.append(number_of(example.instrument, example.source, *named))
                yield {name: features[name] for name in ("logmag", "pitch", "loudness")}

        cache = FeatureCache.join(frames())
        longest = max(len(active) for _, active in overviews)
        clips = {
            "banded": torch.stack([padded(banded, longest) for banded, _ in overviews]),
            "active": torch.stack([padded(active, longest) for _, active in overviews]),
            "instrument": torch.tensor(numbers),
        }
        return dataclasses.replace(cache, clips=clips)

    def forward(self, batch: Mapping[str, Tensor]) -> Views:
        return Views(
            overview=batch["banded"],
            active=batch["active"],
            local=batch["pitch"],
            target=batch["logmag"],
            bin_weights=self.bin_weights,
            clip_frames=batch["active"].shape[1] * self.config.global_stride,
            conditions=batch["loudness"] if self.config.loudness else None,
        )

    @torch.no_grad()
    def of_audio(self, clip: NDArray[np.float32], analysis: SpectralAnalysis) -> dict[str, Tensor]:
        """Features of one clip, up to its last whole hop.

        Shape:
            [T] -> logmag [N, F], pitch [N, K], level [N, 1], loudness [N, 1], banded [M, n_bands], active [M]
        """
        config = self.config
        audio, level, pitch = clip_spectra(clip, analysis)
        margin = config.spectral.pitch_margin
        active = (level > config.active_level).float()
        loudness = relative_loudness(level, mean_power(level, active))
        return {
            "logmag": log_magnitudes(audio, config.spectral)[0].T.half(),
            "pitch": pitch[:, margin:-margin].half(),
            "level": level.unsqueeze(-1),
            "loudness": loudness.unsqueeze(-1).half(),
            "banded": log_bands(pitch[:: config.global_stride], config.bins_per_band),
            "active": active[:: config.global_stride],
        }


def bin_weights(config: SwapperConfig) -> Tensor:
    """How much each bin's squared error counts, 1 on average: the slope of the mel axis, or 1.

    Shape:
        -> [bins]
    """
    hz = torch.linspace(0.0, config.spectral.sample_rate / 2.0, config.spectral.bins)
    slope = 1.0 / (700.0 + hz) if config.weighting == "mel" else torch.ones_like(hz)
    return slope / slope.mean()


def log_bands(pitch_spectrum: Tensor, bins_per_band: int, floor: float = BAND_FLOOR) -> Tensor:
    """A coarse log spectrum of a frame, for the global encoder.

    Shape:
        [..., K] -> [..., K / bins_per_band]
    """
    return torch.log(pitch_spectrum.unflatten(-1, [-1, bins_per_band]).mean(dim=-1) + floor)


def mean_power(level: Tensor, active: Tensor) -> Tensor:
    """Mean square of the level over the active frames.

    Shape:
        level [N], active [N] -> scalar
    """
    return (level.square() * active).sum() / active.sum().clamp(min=1.0)


def relative_loudness(level: Tensor, power: Tensor, quiet: float = QUIET_POWER) -> Tensor:
    """Level against the root of a mean power: 0 at the mean, 1 a factor of e^2 (17 dB) above it.

    Shape:
        level [...], power [...] -> [...]
    """
    ratio = (level * level).clamp(min=quiet) / power.clamp(min=quiet)
    return torch.log(ratio).clamp(-8.0, 4.0) * 0.25


def padded(values: Tensor, length: int) -> Tensor:
    """Zeros after the last frame, up to a length.

    Shape:
        [M, ...] -> [length, ...]
    """
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])
