"""Noise that moves: what the mean of a log spectrum has lost."""

import math

import torch
from torch import Tensor, nn

from latentfx.stages import State

LENGTHS = (61, 67)
MEAN_LOG = -0.5 * 0.5772156649015329
LOWEST = -4.0
SEED = 7


class NoiseTexture(nn.Module):
    """Log-magnitudes of white noise against their mean, frame after frame.

    A decoder trained on log spectra gives the mean of a noise: steady, where real noise has another magnitude
    in every frame and bin (a Rayleigh distribution). Sums of two tables of complex Gaussian numbers, whose
    lengths share no factor, give new frames for 61 * 67 frames; a counter is the whole state, so that every
    engine and every split of the audio gives the same.

    Args:
        bins: values a frame.
        prefix: begins the name of this module's state.
    """

    table: Tensor
    lengths: Tensor
    starts: Tensor

    def __init__(self, bins: int, prefix: str = "texture_") -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        table = torch.randn(sum(LENGTHS), 2, bins, generator=generator) * 0.5
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("lengths", torch.tensor(LENGTHS, dtype=torch.float32), persistent=False)
        self.register_buffer("starts", torch.tensor([0, LENGTHS[0]]), persistent=False)
        self.period = float(math.prod(LENGTHS))
        self.mean, self.lowest = MEAN_LOG, math.exp(2.0 * LOWEST)
        self.key = prefix + "count"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """The first frame.

        Shape:
            count [B, 1]
        """
        return {self.key: torch.zeros([batch_size, 1])}

    def forward(self, frames: int, state: State) -> tuple[Tensor, State]:
        """The next frames; their mean over a long time is 0.

        Shape:
            -> [B, N, bins], state
        """
        ahead = torch.arange(frames + 1, device=self.table.device, dtype=torch.float32)
        count = torch.remainder(state[self.key] + ahead, self.period)
        index = torch.remainder(count[:, :-1].unsqueeze(-1), self.lengths).long() + self.starts
        noise = self.table[index].sum(dim=2)
        power = (noise * noise).sum(dim=2).clamp(min=self.lowest)
        return 0.5 * torch.log(power) - self.mean, {self.key: count[:, -1:]}


def white_texture(like: Tensor) -> Tensor:
    """Log-magnitudes of white noise against their mean, drawn at random, for training: see `NoiseTexture`.

    Shape:
        [...] -> [...]
    """
    power = -torch.log1p(-torch.rand_like(like))
    return 0.5 * torch.log(power.clamp_min(1e-6)) - MEAN_LOG
