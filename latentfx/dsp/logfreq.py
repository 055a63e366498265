"""Log-frequency spectra, in which transposition is a shift."""

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError


def log_frequency_matrix(
    n_fft: int, sample_rate: int, f_min: float, bins_per_octave: int, n_bins: int
) -> Tensor:
    """Weights that read a linear magnitude spectrum at log-spaced frequencies.

    Where log bins lie closer than linear ones they interpolate between two of them; where they lie wider
    apart they average all that fall within half a log bin to either side. Each row sums to 1; a row whose
    frequency lies above Nyquist is 0.

    Args:
        n_fft: FFT length of the linear spectrum.
        sample_rate: Hz.
        f_min: centre of the first log bin, Hz.
        bins_per_octave: log bins an octave.
        n_bins: log bins in all.
    Shape:
        -> [n_bins, n_fft // 2 + 1]

    >>> log_frequency_matrix(64, 6400, 200.0, 1, 3)[:, :9].argmax(dim=1).tolist()
    [2, 4, 8]
    """
    linear = torch.arange(n_fft // 2 + 1, dtype=torch.float64)
    centre = f_min * 2.0 ** (torch.arange(n_bins, dtype=torch.float64) / bins_per_octave)
    position = (centre * n_fft / sample_rate).unsqueeze(1)
    half_width = torch.clamp(position * (2.0 ** (0.5 / bins_per_octave) - 1.0), min=1.0)
    weights = torch.clamp(1.0 - (linear - position).abs() / half_width, min=0.0)
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    weights[(centre >= sample_rate / 2).nonzero().flatten()] = 0.0
    return weights.float()


class LogFrequencyAxis(nn.Module):
    """Read linear magnitude spectra at log-spaced frequencies: `log_frequency_matrix`, without most zeros.

    Args:
        matrix: weights whose rows have few neighbouring entries other than 0, further on from row to row.
        largest: weights in one product, of some rows and of all bins between the first and the last that they
            read. The lower the rows, the fewer such bins.
    Shape:
        magnitude [B, F, N] -> [B, n_bins, N]
    """

    def __init__(self, matrix: Tensor, largest: int = 8192) -> None:
        super().__init__()
        self.pieces = nn.ModuleList()
        begin = 0
        for end in range(1, len(matrix) + 1):
            if end == len(matrix) or _Piece(matrix[begin : end + 1]).weights.numel() > largest:
                self.pieces.append(_Piece(matrix[begin:end]))
                begin = end

    def forward(self, magnitude: Tensor) -> Tensor:
        return torch.cat([piece(magnitude) for piece in self.pieces], 1)


class _Piece(nn.Module):
    """Neighbouring rows, and the bins that they read."""

    weights: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        used = (matrix != 0.0).any(dim=0).nonzero().flatten().tolist() or [0]
        self.begin, self.end = used[0], used[-1] + 1
        self.register_buffer("weights", matrix[:, self.begin : self.end].contiguous(), persistent=False)

    def forward(self, magnitude: Tensor) -> Tensor:
        return torch.matmul(self.weights, magnitude[:, self.begin : self.end])


class LogFrequencyShift(nn.Module):
    """Transpose a log-frequency spectrum by any number of semitones and crop the middle.

    Args:
        n_bins: bins that come out.
        margin: extra bins at either end that shifts may reach into.
        bins_per_octave: log bins an octave.
    Shape:
        spectrum [B, n_bins + 2 * margin, N], semitones [B, N] -> [B, n_bins, N]
    Raises:
        ShapeError: a margin below 1 bin.
    """

    bins: Tensor

    def __init__(self, n_bins: int, margin: int, bins_per_octave: int) -> None:
        super().__init__()
        if margin < 1:
            raise ShapeError(f"margin is {margin} bins; allowed 1 or more")
        self.margin = margin
        self.bins_per_semitone = bins_per_octave / 12.0
        self.register_buffer("bins", torch.arange(n_bins + 1, dtype=torch.float32), persistent=False)

    def forward(self, spectrum: Tensor, semitones: Tensor) -> Tensor:
        offset = self.margin - semitones * self.bins_per_semitone
        offset = torch.clamp(offset, 0.0, float(2 * self.margin) - 1e-3).unsqueeze(1)
        whole = torch.floor(offset)
        fraction = offset - whole
        index = (self.bins[None, :, None] + whole).long()
        around = torch.gather(spectrum, 1, index)
        low, high = around[:, :-1], around[:, 1:]
        return low + fraction * (high - low)
