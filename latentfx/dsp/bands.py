"""A frequency axis as fine as the FFT at the low end and even in pitch above it: fewer numbers, same ear."""

import math

import torch
from torch import Tensor, nn

from latentfx.dsp.logfreq import LogFrequencyAxis
from latentfx.errors import ShapeError

__all__ = ["BandAxis", "band_centres"]


def band_centres(bins: int, bands: int) -> Tensor:
    """Where bands lie: one in each bin up to some bin, from there on at equal ratios, the last at the end.

    Args:
        bins: of a one-sided spectrum.
        bands: how many.
    Shape:
        -> [bands], bins, float64
    Raises:
        ShapeError: fewer than 8 bands, or more bands than bins.

    >>> band_centres(1025, 480)[[0, 100, 479]].round().tolist()
    [0.0, 100.0, 1024.0]
    """
    last = bins - 1
    if not 8 <= bands <= bins:
        raise ShapeError(f"{bands} bands of {bins} bins; allowed 8 to {bins}")
    low, high = 1.0, float(bands)
    knee = bands / 2.0
    for _ in range(60):
        reached = knee * math.exp(min((bands - 1 - knee) / knee, 50.0))
        low, high = (low, knee) if reached < last else (knee, high)
        knee = 0.5 * (low + high)
    index = torch.arange(bands, dtype=torch.float64)
    centres = torch.where(index < knee, index, knee * torch.exp((index - knee) / knee))
    return centres.clamp(max=float(last))


class BandAxis(nn.Module):
    """Read spectra in bands, and spread what belongs to bands over bins.

    A band is the mean of its bins, weighted by a triangle that reaches from the band before to the one
    after; a bin is read on the straight line between two bands.

    Args:
        n_fft: FFT length of the spectra.
        bands: how many.
    Raises:
        ShapeError: see `band_centres`.
    """

    def __init__(self, n_fft: int, bands: int) -> None:
        super().__init__()
        bins = n_fft // 2 + 1
        centres = band_centres(bins, bands)
        place = torch.arange(bins, dtype=torch.float64)
        after = torch.searchsorted(centres, place).clamp(1, bands - 1)
        share = ((place - centres[after - 1]) / (centres[after] - centres[after - 1])).clamp(0.0, 1.0)
        lines = torch.zeros(bins, bands, dtype=torch.float64)
        lines[torch.arange(bins), after - 1] = 1.0 - share
        lines[torch.arange(bins), after] = share
        triangles = lines.t() / lines.sum(0).unsqueeze(1).clamp(min=1e-12)
        self.read = LogFrequencyAxis(triangles.float())
        self.lines = LogFrequencyAxis(lines.float())

    def forward(self, spectrum: Tensor) -> Tensor:
        """Bins to bands.

        Shape:
            [B, F, N] -> [B, bands, N]
        """
        read: Tensor = self.read(spectrum)
        return read

    def spread(self, bands: Tensor) -> Tensor:
        """Bands to bins.

        Shape:
            [B, bands, N] -> [B, F, N]
        """
        spread: Tensor = self.lines(bands)
        return spread
