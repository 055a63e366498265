"""How well the harmonics of every pitch fit a spectrum on a log-frequency axis."""

import math

import torch
from torch import Tensor, nn

from latentfx.methods.swapper.spectral import SpectralConfig

HARMONICS = 16
# Harmonics fall with this power of their number; weights of what lies between them, and an octave below.
FALL = 0.65
BETWEEN = 0.6
SUBHARMONIC = 0.2
SHARPNESS = 3.0
SIDE_BY_SIDE = 32


def comb(bins_per_octave: int) -> tuple[Tensor, Tensor]:
    """Where the harmonics of a pitch lie, and what lies between and below them.

    Energy between the harmonics, or an octave below the first, is evidence for a lower pitch, so its weight
    is negative. It counts less than the harmonics do: overblown notes of a flute or a saxophone have some
    energy an octave below.

    Shape:
        -> bins above the pitch, integers [T]; weights [T]
    """
    bins = torch.arange(-bins_per_octave, bins_per_octave * math.ceil(math.log2(HARMONICS + 1)))
    weights = torch.zeros(len(bins), dtype=torch.float64)
    for number in range(1, HARMONICS + 1):
        peak = torch.clamp(1.0 - (bins - bins_per_octave * math.log2(number)).abs(), min=0.0)
        valley = torch.clamp(1.0 - (bins - bins_per_octave * math.log2(number + 0.5)).abs(), min=0.0)
        weights += (peak - BETWEEN * valley) * number**-FALL
    weights[0] -= SUBHARMONIC
    used = weights != 0.0
    return bins[used], weights[used].float()


def comb_weights(spectral: SpectralConfig, n_pitch: int) -> Tensor:
    """Weights that sum a spectrum over the comb of every pitch.

    Shape:
        -> [n_pitch, spectral.n_pitch]
    """
    above, weights = comb(spectral.bins_per_octave)
    pitch = torch.arange(n_pitch).unsqueeze(1)
    place = (pitch + above).clamp(-1, spectral.n_pitch) + 1
    table = torch.zeros(n_pitch, spectral.n_pitch + 2)
    return table.scatter(1, place, weights.expand(n_pitch, -1))[:, 1:-1]


class Combs(nn.Module):
    """How well the comb of each pitch fits, as one product: quick where frames are many.

    Shape:
        [B, N, K] -> [B, n_pitch, N]
    """

    weights: Tensor

    def __init__(self, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        self.register_buffer("weights", comb_weights(spectral, n_pitch) * SHARPNESS, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(self.weights, x.transpose(-1, -2))


class DoubleCombs(nn.Module):
    """`Combs` in double precision: quick where frames come one by one.

    All combs are one comb, shifted. So neighbouring pitches are computed in groups: the bins of each group
    are multiplied with one small matrix, which is the same for every group.

    Shape:
        [B, N, K] -> [B, n_pitch, N], double
    """

    weights: Tensor
    places: Tensor

    def __init__(self, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        above, weights = comb(spectral.bins_per_octave)
        self.beneath, self.n_pitch = -int(above.min()), n_pitch
        side_by_side = torch.arange(SIDE_BY_SIDE)
        place = (above + self.beneath).unsqueeze(1) + side_by_side
        rows, groups = -(-int(place.max() + 1) // SIDE_BY_SIDE), -(-n_pitch // SIDE_BY_SIDE)
        table = torch.zeros(rows * SIDE_BY_SIDE, SIDE_BY_SIDE, dtype=torch.float64)
        table[place, side_by_side] = (weights * SHARPNESS).double().unsqueeze(1)
        self.beyond = (rows + groups) * SIDE_BY_SIDE - self.beneath - spectral.n_pitch
        self.register_buffer("weights", table, persistent=False)
        places = torch.arange(groups).unsqueeze(1) + torch.arange(rows)
        self.register_buffer("places", places.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.functional.pad(x, [self.beneath, self.beyond]).double()
        bins = padded.unflatten(-1, [-1, self.weights.shape[1]]).index_select(-2, self.places)
        groups = bins.reshape([x.shape[0], x.shape[1], -1, self.weights.shape[0]])
        return torch.matmul(groups, self.weights).flatten(-2)[..., : self.n_pitch].transpose(-1, -2)
