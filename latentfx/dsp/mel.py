"""Mel filter banks, and the way back from mel bands to a linear magnitude spectrum."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["InverseMel", "MelScale", "hz_to_mel", "mel_filters", "mel_to_hz"]

MelScale = Literal["slaney", "htk"]

_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = math.log(6.4) / 27.0


def hz_to_mel(frequency_hz: Tensor, scale: MelScale = "slaney") -> Tensor:
    """Frequency to mel: HTK's formula, or Slaney's, linear below 1 kHz and logarithmic above.

    Shape:
        [...] -> [...]
    """
    if scale == "htk":
        return 2595.0 * torch.log10(1.0 + frequency_hz / 700.0)
    above = frequency_hz.clamp_min(_SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ
    linear = frequency_hz.clamp_max(_SLANEY_BREAK_HZ) / _SLANEY_HZ_PER_MEL
    return linear + above.log() / _SLANEY_LOG_STEP


def mel_to_hz(mel: Tensor, scale: MelScale = "slaney") -> Tensor:
    """Inverse of `hz_to_mel`.

    Shape:
        [...] -> [...]
    """
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = (mel - _SLANEY_BREAK_MEL).clamp_min(0.0) * _SLANEY_LOG_STEP
    return mel.clamp_max(_SLANEY_BREAK_MEL) * _SLANEY_HZ_PER_MEL * above.exp()


def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    minimum_hz: float = 0.0,
    maximum_hz: float | None = None,
    scale: MelScale = "slaney",
    norm: Literal["slaney", "none"] = "slaney",
) -> Tensor:
    """Triangular filters whose corners lie at equal steps of mel; `filters @ magnitude` gives mel bands.

    Args:
        sample_rate: Hz.
        n_fft: FFT length of the spectra.
        n_mels: bands.
        minimum_hz: lower end of the first band.
        maximum_hz: upper end of the last band; half the sample rate unless given.
        scale: whose mel formula.
        norm: `slaney` gives each triangle the area 1 over Hz, `none` the height 1.
    Shape:
        -> [M, F], float32
    Raises:
        ShapeError: frequencies that do not rise within 0 to half the sample rate, or so many bands that one
            holds no bin.
    """
    top = sample_rate / 2.0 if maximum_hz is None else maximum_hz
    if not 0.0 <= minimum_hz < top <= sample_rate / 2.0 or n_mels < 1:
        raise ShapeError(
            f"{n_mels} mel bands from {minimum_hz:g} to {top:g} Hz; allowed 1 or more, rising within 0 to "
            f"{sample_rate / 2:g} Hz"
        )
    ends = hz_to_mel(torch.tensor([minimum_hz, top], dtype=torch.float64), scale)
    steps = torch.linspace(float(ends[0]), float(ends[1]), n_mels + 2, dtype=torch.float64)
    corners = mel_to_hz(steps, scale)
    bins = torch.linspace(0.0, sample_rate / 2.0, n_fft // 2 + 1, dtype=torch.float64)
    widths = corners.diff()
    rise = (bins - corners[:-2, None]) / widths[:-1, None]
    fall = (corners[2:, None] - bins) / widths[1:, None]
    filters = torch.minimum(rise, fall).clamp_min(0.0)
    empty = int((filters.sum(1) == 0).sum())
    if empty:
        raise ShapeError(
            f"{empty} of {n_mels} mel bands hold no FFT bin: lower n_mels, raise minimum_hz, or raise n_fft "
            f"({n_fft})"
        )
    if norm == "slaney":
        filters = filters * (2.0 / (corners[2:] - corners[:-2]))[:, None]
    return filters.float()


class InverseMel(nn.Module):
    """Mel bands to the non-negative linear spectrum that has them.

    Multiplicative updates for least squares from a smooth start: never negative, no learning rate, a fixed
    number of steps (so it runs in a graph). The bands of the result match the given ones (see `iterations`);
    detail between the centres of wide bands is gone for good: harmonics up there come back as an envelope.

    Args:
        filters: as from `mel_filters`.
        iterations: updates. On a harmonic tone of 330 Hz (n_fft 2048 at 48 kHz) 32 of them bring 40, 80 and
            128 bands within -26, -32 and -45 dB; the clamped pseudo-inverse reaches -16, -20 and -29.
    Shape:
        filters [M, F]
    Source: Lee & Seung, "Algorithms for non-negative matrix factorization", 2000.
    """

    filters: Tensor
    start: Tensor

    def __init__(self, filters: Tensor, iterations: int = 32) -> None:
        super().__init__()
        if filters.dim() != 2 or bool((filters < 0).any()):
            raise ShapeError(f"filters of shape {tuple(filters.shape)}; allowed [M, F], nothing below 0")
        self.iterations = iterations
        cover = filters.sum(0, keepdim=True).clamp_min(1e-8)
        self.register_buffer("filters", filters.clone(), persistent=False)
        start = (filters / filters.sum(1, keepdim=True) / cover).t().contiguous()
        self.register_buffer("start", start, persistent=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Spread bands over bins.

        Shape:
            mel [..., M, N], 0 or more -> [..., F, N]
        """
        magnitude = torch.matmul(self.start, mel)
        wanted = torch.matmul(self.filters.t(), mel)
        for _ in range(self.iterations):
            found = torch.matmul(self.filters.t(), torch.matmul(self.filters, magnitude))
            magnitude = magnitude * wanted / found.clamp_min(1e-12)
        return magnitude
