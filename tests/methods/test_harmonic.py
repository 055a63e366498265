"""Combs at every pitch against the spectra of real harmonic tones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.methods.harmonic import comb_spectra, comb_weights
from latentfx.methods.spectral import SpectralAnalysis, SpectralConfig

CONFIG = SpectralConfig()
PITCHES = 264


def spectra(pitch: int, harmonics: int) -> tuple[Tensor, Tensor]:
    """Log-magnitudes and pitch spectrum of harmonics of equal strength.

    Shape:
        -> [F], [n_pitch]
    """
    f0_hz = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave)
    time = torch.arange(40 * CONFIG.hop_length, dtype=torch.float64) / CONFIG.sample_rate
    phase = 2 * math.pi * f0_hz * time
    audio = 0.05 * torch.stack([torch.sin(k * phase + 2.4 * k * k) for k in range(1, harmonics + 1)]).sum(0)
    analysis = SpectralAnalysis(CONFIG)
    features, _ = analysis(audio.float()[None, None], analysis.initial_state(1))
    margin = CONFIG.pitch_margin
    return features["logmag"][0, :, -1], features["pitch_spectrum"][0, margin:-margin, -1]


@pytest.mark.parametrize("pitch", [96, 131, 150, 199])
def test_the_comb_of_the_true_pitch_fits_best(pitch: int) -> None:
    _, spectrum = spectra(pitch, 20)
    fit = comb_weights(CONFIG, PITCHES) @ spectrum
    assert abs(int(fit.argmax()) - pitch) <= 1


@pytest.mark.parametrize("pitch", [120, 160, 210])
def test_a_comb_has_the_peaks_of_the_analysed_tone(pitch: int) -> None:
    f0_hz = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave)
    count = int(20_000 / f0_hz)
    analysed, _ = spectra(pitch, count)
    comb = comb_spectra(CONFIG, PITCHES)[pitch]
    bins = torch.tensor([round(k * f0_hz * CONFIG.n_fft / CONFIG.sample_rate) for k in range(1, count)])
    difference = (analysed - comb)[bins]
    assert float((difference - difference.median()).abs().max()) < 0.7
    halfway = [(k + 0.5) * f0_hz * CONFIG.n_fft / CONFIG.sample_rate for k in range(2, count)]
    between = torch.tensor([round(position) for position in halfway])
    assert float(comb[bins].mean() - comb[between].mean()) > 2.0
    assert float(comb.mean()) == pytest.approx(0.0, abs=1e-4)
