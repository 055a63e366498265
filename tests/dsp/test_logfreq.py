"""Log-frequency axes: where tones land, and that a shift is a transposition."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.logfreq import LogFrequencyAxis, LogFrequencyShift, log_frequency_matrix
from latentfx.errors import ShapeError

RATE, N_FFT, BINS_PER_OCTAVE, F_MIN = 48_000, 8192, 48, 110.0
N_BINS, MARGIN = 240, 48


def log_spectrum(f0_hz: float) -> Tensor:
    """Log-magnitudes of ten harmonics on the log axis, margins included.

    Shape:
        -> [1, N_BINS + 2 * MARGIN, 1]
    """
    time = torch.arange(N_FFT, dtype=torch.float64) / RATE
    tone = torch.stack([torch.sin(2 * math.pi * k * f0_hz * time) for k in range(1, 11)]).sum(0)
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    magnitude = (torch.fft.rfft(tone * window).abs() * 2 / window.sum()).float()
    lowest = F_MIN * 2.0 ** (-MARGIN / BINS_PER_OCTAVE)
    axis = log_frequency_matrix(N_FFT, RATE, lowest, BINS_PER_OCTAVE, N_BINS + 2 * MARGIN)
    return torch.log(axis @ magnitude + 1e-3)[None, :, None]


@pytest.mark.parametrize("octaves", [1.0, 2.5, 4.0])
def test_a_sine_peaks_at_its_own_bin(octaves: float) -> None:
    magnitude = torch.zeros(N_FFT // 2 + 1)
    position = F_MIN * 2.0**octaves * N_FFT / RATE
    magnitude[round(position)] = 1.0
    exact = BINS_PER_OCTAVE * math.log2(round(position) * RATE / N_FFT / F_MIN)
    peak = int((log_frequency_matrix(N_FFT, RATE, F_MIN, BINS_PER_OCTAVE, N_BINS) @ magnitude).argmax())
    assert abs(peak - exact) <= 1.0


def test_rows_average_and_those_above_nyquist_are_empty() -> None:
    matrix = log_frequency_matrix(N_FFT, RATE, F_MIN, 12, 12 * 9)
    above = F_MIN * 2.0 ** (torch.arange(12 * 9) / 12) >= RATE / 2
    torch.testing.assert_close(matrix.sum(1), (~above).float())
    assert above.any()


def test_the_axis_without_its_zeros_reads_what_the_matrix_reads() -> None:
    matrix = log_frequency_matrix(256, RATE, F_MIN, 12, 12 * 9)
    magnitude = torch.rand(2, 129, 3)
    torch.testing.assert_close(LogFrequencyAxis(matrix)(magnitude), matrix @ magnitude)


@pytest.mark.parametrize("semitones", [-12.0, -5.0, -0.5, 0.0, 0.25, 3.0, 7.0, 12.0])
def test_a_shift_equals_the_spectrum_of_the_transposed_tone(semitones: float) -> None:
    shift = LogFrequencyShift(N_BINS, MARGIN, BINS_PER_OCTAVE)
    shifted = shift(log_spectrum(440.0), torch.full((1, 1), semitones))[0, :, 0]
    meant = shift(log_spectrum(440.0 * 2.0 ** (semitones / 12)), torch.zeros(1, 1))[0, :, 0]
    near, around = (torch.nn.functional.max_pool1d(x[None], 3, 1, 1)[0] for x in (meant, shifted))
    peaks = (meant == near) & (meant > meant.max() - 0.5)
    assert peaks.any()
    assert float((around - meant)[peaks].abs().max()) < 0.6
    unshifted = shift(log_spectrum(440.0), torch.zeros(1, 1))[0, :, 0]
    if semitones:
        assert float((shifted - meant).abs().mean()) < 0.75 * float((unshifted - meant).abs().mean())


def test_whole_bins_move_exactly_and_rows_and_frames_by_themselves() -> None:
    shift = LogFrequencyShift(20, 4, 12)
    spectrum = torch.randn(2, 28, 3)
    semitones = torch.tensor([[0.0, 1.0, -3.0], [2.0, 0.0, 0.0]])
    shifted = shift(spectrum, semitones)
    for row in range(2):
        for frame in range(3):
            start = 4 - int(semitones[row, frame])
            torch.testing.assert_close(shifted[row, :, frame], spectrum[row, start : start + 20, frame])


def test_a_shift_beyond_the_margin_stops_there() -> None:
    shift = LogFrequencyShift(20, 4, 12)
    spectrum = torch.randn(1, 28, 2)
    far = shift(spectrum, torch.tensor([[99.0, -99.0]]))
    torch.testing.assert_close(far, shift(spectrum, torch.tensor([[4.0, -4.0]])))
    assert torch.allclose(far[0, :, 0], spectrum[0, :20, 0])


def test_a_shift_without_margin_is_refused() -> None:
    with pytest.raises(ShapeError, match="margin is 0 bins; allowed 1 or more"):
        LogFrequencyShift(20, 0, 12)
