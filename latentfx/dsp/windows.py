"""Windows: Hann, Blackman-Harris, and the asymmetric pair with the latency of its short synthesis window."""

import torch
from torch import Tensor

from latentfx.errors import ShapeError

__all__ = ["analysis_window", "blackman_harris", "centre_of_mass", "dual_window", "hann", "synthesis_window"]


def hann(length: int) -> Tensor:
    """A periodic Hann window, float64.

    Shape:
        -> [length]
    """
    return torch.hann_window(length, periodic=True, dtype=torch.float64)


def blackman_harris(length: int) -> Tensor:
    """A periodic Blackman-Harris window, float64: what lies 4 bins from a sine or more is 92 dB below it.

    Shape:
        -> [length]
    Source: Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978.
    """
    angle = 2.0 * torch.pi * torch.arange(length, dtype=torch.float64) / length
    terms = enumerate((0.35875, -0.48829, 0.14128, -0.01168))
    return torch.stack([weight * torch.cos(number * angle) for number, weight in terms]).sum(dim=0)


def analysis_window(analysis_length: int, synthesis_length: int) -> Tensor:
    """A long square-root Hann rise, then the short fall of the synthesis window; ends at the newest sample.

    With equal lengths this is the square root of a Hann window.

    Shape:
        -> [analysis_length], float64
    Raises:
        ShapeError: the synthesis window is the longer one, or a length is odd.
    Source: Mauler & Martin, "A low delay, variable resolution, perfect reconstruction spectral
        analysis-synthesis system for speech enhancement", 2007.
    """
    _check_lengths(analysis_length, synthesis_length)
    fall = synthesis_length // 2
    rise = analysis_length - fall
    return torch.cat([hann(2 * rise)[:rise], hann(synthesis_length)[fall:]]).sqrt()


def synthesis_window(analysis_length: int, synthesis_length: int, hop: int) -> Tensor:
    """The window that makes `analysis_window` reconstruct: their product overlaps and adds to one.

    Shape:
        -> [synthesis_length], float64
    Raises:
        ShapeError: lengths that `analysis_window` refuses, or a hop that is no half, third, ... of
            synthesis_length.
    """
    return dual_window(analysis_window(analysis_length, synthesis_length), hann(synthesis_length), hop)


def dual_window(analysis: Tensor, product: Tensor, hop: int) -> Tensor:
    """The synthesis window that, times the analysis window, overlaps and adds to one.

    Args:
        analysis: analysis window.
        product: wanted product of both windows, zero wherever the analysis window is.
        hop: samples from frame to frame.
    Shape:
        analysis [L], product [S] with S <= L -> [S]
    Raises:
        ShapeError: the product windows do not add to a constant at this hop.
    """
    length = product.shape[0]
    if hop < 1 or length % hop or length // hop < 2:
        raise ShapeError(
            f"hop is {hop}; allowed for a synthesis window of {length}: a half, a third, ... of it"
        )
    total = product.reshape(-1, hop).sum(0)
    if (total - total.mean()).abs().max() > 1e-9 * total.mean():
        raise ShapeError(
            f"windows of {length} samples do not add to a constant at hop {hop}; choose a smaller hop"
        )
    newest = analysis[-length:]
    return torch.where(newest > 0, product / newest.clamp_min(1e-300), 0.0) / total.mean()


def centre_of_mass(window: Tensor) -> float:
    """Samples from the centre of a window's energy to its end: how old what a frame shows is.

    Two analyses of one stream show the same instant when this is equal.

    Shape:
        window [L] -> float
    """
    energy = window.double().square()
    age = torch.arange(window.shape[0], 0, -1, dtype=torch.float64)
    return float((energy * age).sum() / energy.sum())


def _check_lengths(analysis_length: int, synthesis_length: int) -> None:
    if synthesis_length < 2 or synthesis_length % 2 or analysis_length % 2:
        raise ShapeError(
            f"window lengths are {analysis_length} and {synthesis_length}; allowed even numbers from 2"
        )
    if synthesis_length > analysis_length:
        raise ShapeError(
            f"the synthesis window has {synthesis_length} samples, the analysis window {analysis_length}; "
            "allowed at most as many. Swap them, or lengthen the analysis window"
        )
