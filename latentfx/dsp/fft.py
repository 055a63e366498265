"""Real Fourier transforms as two small matrix products, in real arithmetic.

Written so because a plugin's graph may hold no complex tensors, because `torch.stft` does not load in nn~,
and because onnxruntime runs this faster than its own DFT operator. A transform of length N = A * B costs two
products with constant matrices and one twiddle: some tens of kilobytes of constants.
"""

import math

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["InverseRealFFT", "RealFFT", "factorise"]

_MAX_FACTOR = 256


def factorise(n: int) -> tuple[int, int]:
    """Split a transform length into an even factor and the rest, as near to each other as they come.

    Raises:
        ShapeError: no factors of at most 256, the first one even, give n.

    >>> factorise(2048), factorise(384)
    ((64, 32), (24, 16))
    """
    pairs = [(a, n // a) for a in range(2, _MAX_FACTOR + 1, 2) if n % a == 0 and 1 <= n // a <= _MAX_FACTOR]
    if not pairs:
        raise ShapeError(f"FFT length is {n}; allowed even products of two factors up to {_MAX_FACTOR}")
    return min(pairs, key=lambda pair: (sum(pair), -pair[0]))


class RealFFT(nn.Module):
    """One-sided Fourier transform of real numbers, equal to `torch.fft.rfft`.

    Args:
        n: length of the transform; even, best a power of two.
    Raises:
        ShapeError: a length without two fitting factors.
    Source: Cooley & Tukey 1965.
    """

    first: Tensor
    twiddle_re: Tensor
    twiddle_im: Tensor
    second: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.outer, self.inner = factorise(n)
        self.rows = self.outer // 2 + 1
        rotate = _turns(self.inner, self.outer, n)
        first = _turns(self.inner, self.inner, self.inner)
        second = _turns(self.rows, self.outer, self.outer)
        self.register_buffer("first", torch.cat([first.cos(), -first.sin()]).float(), persistent=False)
        self.register_buffer("twiddle_re", rotate.cos().float(), persistent=False)
        self.register_buffer("twiddle_im", -rotate.sin().float(), persistent=False)
        self.register_buffer("second", _complex_product(second.cos(), -second.sin()), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Transform the last axis.

        Shape:
            x [..., n] -> re [..., n // 2 + 1], im [..., n // 2 + 1]
        """
        columns = torch.matmul(self.first, x.unflatten(-1, [self.inner, self.outer]))
        re, im = columns[..., : self.inner, :], columns[..., self.inner :, :]
        turned = torch.cat(
            [re * self.twiddle_re - im * self.twiddle_im, re * self.twiddle_im + im * self.twiddle_re], -1
        )
        spectrum = torch.matmul(self.second, turned.transpose(-1, -2))
        bins = self.n // 2 + 1
        return (
            spectrum[..., : self.rows, :].flatten(-2)[..., :bins],
            spectrum[..., self.rows :, :].flatten(-2)[..., :bins],
        )


class InverseRealFFT(nn.Module):
    """Inverse of `RealFFT`, equal to `torch.fft.irfft`.

    Args:
        n: length of the transform; even, best a power of two.
    Raises:
        ShapeError: a length without two fitting factors.
    """

    weight: Tensor
    first: Tensor
    twiddle_re: Tensor
    twiddle_im: Tensor
    second: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.outer, self.inner = factorise(n)
        self.rows = self.outer // 2 + 1
        self.padding = self.rows * self.inner - (n // 2 + 1)
        rotate = _turns(self.outer, self.inner, n)
        first = _turns(self.outer, self.rows, self.outer)
        second = _turns(self.inner, self.inner, self.inner)
        weight = torch.full((n // 2 + 1,), 2.0 / n)
        weight[0] = weight[-1] = 1.0 / n
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("first", _complex_product(first.cos(), first.sin()), persistent=False)
        self.register_buffer("twiddle_re", rotate.cos().float(), persistent=False)
        self.register_buffer("twiddle_im", rotate.sin().float(), persistent=False)
        self.register_buffer("second", torch.cat([second.cos(), -second.sin()], 1).float(), persistent=False)

    def forward(self, re: Tensor, im: Tensor) -> Tensor:
        """Transform the last axis back; imaginary parts of the first and the last bin have no effect.

        Shape:
            re [..., n // 2 + 1], im [..., n // 2 + 1] -> [..., n]
        """
        packed = torch.cat([self._grid(re), self._grid(im)], -2)
        columns = torch.matmul(self.first, packed)
        re, im = columns[..., : self.outer, :], columns[..., self.outer :, :]
        turned = torch.cat(
            [re * self.twiddle_re - im * self.twiddle_im, re * self.twiddle_im + im * self.twiddle_re], -1
        )
        return torch.matmul(self.second, turned.transpose(-1, -2)).flatten(-2)

    def _grid(self, part: Tensor) -> Tensor:
        padded = nn.functional.pad(part * self.weight, [0, self.padding])
        grid: Tensor = padded.unflatten(-1, [self.rows, self.inner])
        return grid


def _turns(rows: int, columns: int, period: int) -> Tensor:
    """Angles 2 pi r c / period, reduced to one turn before they are rounded."""
    index = torch.outer(torch.arange(rows), torch.arange(columns)) % period
    return index.double() * (2.0 * math.pi / period)


def _complex_product(re: Tensor, im: Tensor) -> Tensor:
    """The real matrix that multiplies [re; im] stacked as the complex matrix re + j im does."""
    return torch.cat([torch.cat([re, -im], 1), torch.cat([im, re], 1)]).float()
