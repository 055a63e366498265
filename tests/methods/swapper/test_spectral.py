"""Audio to spectra relative to the level."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.errors import ShapeError
from latentfx.methods.swapper.spectral import (
    SpectralAnalysis,
    SpectralConfig,
    log_magnitudes,
    rise_and_fall,
)

CONFIG = SpectralConfig()


def vibrato_tone(seconds: float = 1.0, f0_hz: float = 330.0, depth_st: float = 0.5) -> Tensor:
    """Twelve harmonics with a vibrato.

    Shape:
        -> [1, 1, T]
    """
    time = torch.arange(int(seconds * CONFIG.sample_rate) // 256 * 256, dtype=torch.float64)
    time = time / CONFIG.sample_rate
    f0 = f0_hz * 2.0 ** (depth_st / 12 * torch.sin(2 * math.pi * 5.5 * time))
    phase = 2 * math.pi * torch.cumsum(f0, 0) / CONFIG.sample_rate
    return (0.2 * sum(torch.sin(k * phase) / k for k in range(1, 13))).float()[None, None]


def features_of(audio: Tensor) -> dict[str, Tensor]:
    analysis = SpectralAnalysis(CONFIG)
    features, _ = analysis(audio, analysis.initial_state(1))
    return {**features, "logmag": log_magnitudes(audio, CONFIG)}


def test_a_full_scale_sine_has_the_magnitude_1_and_level_scales_nothing_else() -> None:
    time = torch.arange(48_000 // 256 * 256) / 48_000
    sine = torch.sin(2 * math.pi * 3000.0 * time)[None, None]
    loud, soft = features_of(sine), features_of(0.05 * sine)
    magnitude = (loud["logmag"].exp() - CONFIG.floor) * loud["level"]
    assert float(magnitude[0, 128, 20:-4].mean()) == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(soft["level"], 0.05 * loud["level"], rtol=1e-4, atol=1e-7)
    pitches = (features["pitch_spectrum"][..., 20:] for features in (soft, loud))
    torch.testing.assert_close(*pitches, atol=5e-3, rtol=0)
    # At the floor, 70 dB down, rounding is this much of a logarithm; the last frames reach over the end.
    spectra = (features["logmag"][..., 20:-4] for features in (soft, loud))
    torch.testing.assert_close(*spectra, atol=2e-2, rtol=0)


def test_the_pitch_axis_shows_a_harmonic_tone_where_it_is() -> None:
    features = features_of(vibrato_tone(0.5, 440.0, depth_st=0.0))
    spectrum = features["pitch_spectrum"][0, CONFIG.pitch_margin : -CONFIG.pitch_margin, -1]
    expected = CONFIG.bins_per_octave * math.log2(440.0 / CONFIG.f_min_hz)
    assert abs(int(spectrum.argmax()) - expected) <= 1


def test_the_long_window_rises_for_long_and_falls_at_the_newest_end() -> None:
    window = rise_and_fall(2048, 640)
    assert int(window.argmax()) in (1407, 1408)
    assert float(window.max()) == pytest.approx(1.0, abs=1e-4)
    assert (window[:1408].diff() > 0).all()
    assert (window[1408:].diff() < 0).all()


def test_a_fall_shorter_than_a_hop_is_refused() -> None:
    with pytest.raises(ShapeError, match="analysis_fall is 100; allowed 256 to 2047 samples"):
        SpectralConfig(analysis_fall=100)


@pytest.mark.parametrize("length", [480, 960, 2048])
def test_the_level_of_a_tone_is_the_same_in_frames_of_any_length(length: int) -> None:
    sine = torch.sin(2 * math.pi * 1000.0 * torch.arange(24_000 // 256 * 256) / 48_000)[None, None]
    analysis = SpectralAnalysis(SpectralConfig(level_length=length))
    level = analysis(sine, analysis.initial_state(1))[0]["level"][..., 20:]
    torch.testing.assert_close(level, features_of(sine)["level"][..., 20:], rtol=5e-3, atol=0)


def test_a_level_frame_longer_than_the_analysis_is_refused() -> None:
    with pytest.raises(ShapeError, match="level_length is 4096; allowed 256 to 2048 samples"):
        SpectralConfig(level_length=4096)


@pytest.mark.parametrize("length", [480, 960, 1024, 2048])
def test_what_is_decoded_lies_about_the_middle_of_the_frame_whose_level_is_measured(length: int) -> None:
    """A tone that becomes another: the frame in which both are as strong is that in which it does."""
    config, turn = SpectralConfig(level_length=length), 24_000
    time = torch.arange(48_000 // 256 * 256) / 48_000
    hz = torch.where(torch.arange(len(time)) < turn, 1500.0, 4500.0)
    logmag = log_magnitudes(torch.sin(2 * math.pi * hz * time)[None, None], config)[0]
    low, high = (int(tone * config.n_fft / config.sample_rate) for tone in (1500.0, 4500.0))
    crossing = int((logmag[high] > logmag[low]).nonzero()[0])
    middle = (crossing + 1) * config.hop_length - length / 2
    assert 0 <= middle - turn <= config.hop_length


def test_a_frame_of_no_whole_number_of_two_hops_is_refused() -> None:
    with pytest.raises(ShapeError, match="n_fft is 2048; allowed multiples of twice the hop, 480"):
        SpectralConfig(hop_length=240)
