"""What J-DSAE sees of a frame beside its spectra, in training and in a stream."""

from __future__ import annotations

import torch
from torch import Tensor

from latentfx.methods.jdsae_config import JDSAEConfig

QUIET_POWER = 1e-8
BAND_FLOOR = 0.04


def bin_weights(config: JDSAEConfig) -> Tensor:
    """How much each bin's squared error counts, 1 on average: the slope of the mel axis, or 1.

    Shape:
        -> [bins]
    """
    hz = torch.linspace(0.0, config.spectral.sample_rate / 2.0, config.spectral.bins)
    slope = 1.0 / (700.0 + hz) if config.weighting == "mel" else torch.ones_like(hz)
    return slope / slope.mean()


def log_bands(pitch_spectrum: Tensor, bins_per_band: int, floor: float = BAND_FLOOR) -> Tensor:
    """What the global encoder sees of a frame: a coarse log spectrum.

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
