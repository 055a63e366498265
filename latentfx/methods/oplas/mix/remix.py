"""Training mixes: stems with other gains, of other moments, and one of them as it comes at the side-chain."""

from __future__ import annotations

import torch
from torch import Tensor

from latentfx.methods.oplas.mix.config import LatentMixConfig
from latentfx.methods.oplas.mix.frames import level_of

SILENCE = 1e-5


def remixed(stems: Tensor, late: Tensor, config: LatentMixConfig) -> tuple[Tensor, Tensor]:
    """Draw new mixes, at the level that the plugin gives frames; half of them from stems of different clips.

    Args:
        stems: spectra of the stems of clips.
        late: the same, delayed.
        config: how much gains, levels and delays vary.
    Shape:
        stems, late [B, K, 2, F] -> stems [B, K, 2, F]; the first of them as it comes at the side-chain
        [B, 2, F]
    """
    count, number = stems.shape[:2]
    every = torch.stack([stems, late])
    if float(torch.rand(())) < 0.5:
        every = torch.stack([every[:, torch.randperm(count), k] for k in range(number)], 2)
    order = torch.rand(count, number).argsort(1).to(stems.device)
    every = every[:, torch.arange(count, device=stems.device)[:, None], order]
    gain = _decibels(config.gain_db * (2.0 * torch.rand(count, number) - 1.0))
    gain = gain * (torch.rand(count, number) >= config.silent)
    every = every * gain.to(stems.device)[..., None, None]
    comes_late = (torch.rand(count) < config.late).to(stems.device)
    side = torch.where(comes_late[:, None, None], every[1, :, 0], every[0, :, 0])
    level = torch.sqrt(level_of(every[0].sum(1)).square() + level_of(side).square())
    moved = _decibels(config.level_db * (2.0 * torch.rand(count) - 1.0)).to(stems.device)
    scale = (moved / level.clamp(min=SILENCE))[:, None, None]
    return every[0] * scale[..., None], side * scale


def _decibels(gain_db: Tensor) -> Tensor:
    return torch.pow(10.0, gain_db / 20.0)
