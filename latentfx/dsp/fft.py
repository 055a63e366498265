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
    twiddle: Tensor
    second: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.outer, self.inner = factorise(n)
        self.rows = self.outer // 2 + 1
        rotate = _turns(self.inner, self.outer, n)
        first = _turns(self.inner, self.inner, self.inner)
        second = _turns(self.rows, self.outer, self.outer)
        self.register_buffer("first", _and_turned(first.cos(), -first.sin()), persistent=False)
        self.register_buffer("twiddle", _twiddle(rotate.cos(), -rotate.sin()), persistent=False)
        self.register_buffer("second", _complex_product(second.cos(), -second.sin()), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Transform the last axis.

        Shape:
            x [..., n] -> re [..., n // 2 + 1], im [..., n // 2 + 1]
        """
        spectrum = self._products(x)
        bins = self.n // 2 + 1
        return (
            spectrum[..., : self.rows, :].flatten(-2)[..., :bins],
            spectrum[..., self.rows :, :].flatten(-2)[..., :bins],
        )

    def magnitude(self, x: Tensor) -> Tensor:
        """Magnitudes of the transform of the last axis.

        Shape:
            x [..., n] -> [..., n // 2 + 1]
        """
        spectrum = self._products(x)
        power = spectrum * spectrum
        power = power[..., : self.rows, :] + power[..., self.rows :, :]
        return torch.sqrt(power.flatten(-2)[..., : self.n // 2 + 1])

    def _products(self, x: Tensor) -> Tensor:
        """The transform, its real parts above its imaginary ones.

        Shape:
            x [..., n] -> [..., 2 * rows, inner]
        """
        grid = x.unflatten(-1, [self.inner, self.outer])
        turned = _turn(torch.matmul(self.first, grid), self.twiddle)
        turned = _matrix(turned, self.inner, 2 * self.outer)
        return torch.matmul(self.second, turned.transpose(-1, -2))


class InverseRealFFT(nn.Module):
    """Inverse of `RealFFT`, equal to `torch.fft.irfft`.

    Args:
        n: length of the transform; even, best a power of two.
    Raises:
        ShapeError: a length without two fitting factors.
    """

    weight: Tensor
    first: Tensor
    twiddle: Tensor
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
        re, im = _complex_product(first.cos(), first.sin()).chunk(2)
        self.register_buffer("first", _and_turned(re, im), persistent=False)
        self.register_buffer("twiddle", _twiddle(rotate.cos(), rotate.sin()), persistent=False)
        self.register_buffer("second", torch.cat([second.cos(), -second.sin()], 1).float(), persistent=False)

    def forward(self, re: Tensor, im: Tensor) -> Tensor:
        """Transform the last axis back; imaginary parts of the first and the last bin have no effect.

        Shape:
            re [..., n // 2 + 1], im [..., n // 2 + 1] -> [..., n]
        """
        return self.of_pairs(torch.stack([re, im], -2))

    def of_pairs(self, spectrum: Tensor) -> Tensor:
        """The same, of real and imaginary parts in one tensor.

        Shape:
            [..., 2, n // 2 + 1] -> [..., n]
        """
        padded = nn.functional.pad(spectrum * self.weight, [0, self.padding])
        grid = _matrix(padded, 2 * self.rows, self.inner)
        turned = _turn(torch.matmul(self.first, grid), self.twiddle)
        turned = _matrix(turned, self.outer, 2 * self.inner)
        return torch.matmul(self.second, turned.transpose(-1, -2)).flatten(-2)


def _turns(rows: int, columns: int, period: int) -> Tensor:
    """Angles 2 pi r c / period, reduced to one turn before they are rounded."""
    index = torch.outer(torch.arange(rows), torch.arange(columns)) % period
    return index.double() * (2.0 * math.pi / period)


def _and_turned(re: Tensor, im: Tensor) -> Tensor:
    """Rows that give re, im, re, im, ... and then, a quarter of a turn further on, -im, re, -im, re, ...

    So a complex twiddle is one product with a table and one sum.

    Shape:
        re [R, C], im [R, C] -> [4 R, C]
    """
    rows = [torch.stack(pair, 1).flatten(0, 1) for pair in ((re, im), (-im, re))]
    return torch.cat(rows).float()


def _twiddle(re: Tensor, im: Tensor) -> Tensor:
    """What the rows of `_and_turned` are multiplied by.

    Shape:
        re [R, C], im [R, C] -> [4 R, C]
    """
    return torch.cat([part.repeat_interleave(2, 0) for part in (re, im)]).float()


def _turn(columns: Tensor, twiddle: Tensor) -> Tensor:
    """Twiddled columns: re, im, re, im, ...

    Shape:
        columns [..., 4 R, C], twiddle [4 R, C] -> [..., 2 R, C]
    """
    products = columns * twiddle
    half = twiddle.shape[0] // 2
    return products[..., :half, :] + products[..., half:, :]


def _matrix(x: Tensor, rows: int, columns: int) -> Tensor:
    """The last two axes in another shape.

    Shape:
        [..., A, B] -> [..., rows, columns]
    """
    return x.reshape(list(x.shape[:-2]) + [rows, columns])


def _complex_product(re: Tensor, im: Tensor) -> Tensor:
    """The real matrix that multiplies [re; im] stacked as the complex matrix re + j im does."""
    return torch.cat([torch.cat([re, -im], 1), torch.cat([im, re], 1)]).float()
