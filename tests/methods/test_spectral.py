"""Audio to spectra relative to the level, and back."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.noise import NOISE_POWER
from latentfx.errors import ShapeError
from latentfx.methods.spectral import (
    SpectralAnalysis,
    SpectralConfig,
    SpectralSynthesis,
    log_magnitudes,
    magnitudes_of,
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


def silence(like: Tensor) -> Tensor:
    return torch.full_like(like, -100.0)


def short_magnitudes(audio: Tensor) -> Tensor:
    """Magnitudes of whole Hann frames by torch's own FFT.

    Shape:
        audio [1, 1, T] -> [F, N]
    """
    frames = audio[0, 0].unfold(0, CONFIG.n_fft, CONFIG.hop_length)
    window = torch.hann_window(CONFIG.n_fft)
    return (torch.fft.rfft(frames * window).abs() * 2 / window.sum()).T


def test_analysis_and_synthesis_keep_level_and_spectrum() -> None:
    audio = vibrato_tone()
    features = features_of(audio)
    synthesis = SpectralSynthesis(CONFIG)
    magnitude, noise = magnitudes_of(
        features["logmag"], silence(features["logmag"]), features["level"], CONFIG.floor
    )
    decoded = {"magnitude": magnitude, "noise": noise, "f0": torch.zeros_like(noise[:, :1])}
    out, _ = synthesis(decoded, synthesis.initial_state(1))
    before = short_magnitudes(audio[..., : -synthesis.latency])[:, 20:]
    after = short_magnitudes(out[..., synthesis.latency :])[:, 20:]
    convergence_db = 20 * math.log10(float((after - before).norm() / before.norm()))
    level_db = 20 * math.log10(float(after.norm() / before.norm()))
    assert synthesis.latency == CONFIG.n_fft - CONFIG.hop_length
    assert convergence_db < -20
    assert abs(level_db) < 0.5


def test_magnitudes_of_undoes_the_analysis() -> None:
    audio = vibrato_tone(0.3)
    features = features_of(audio)
    logmag = features["logmag"]
    magnitude = magnitudes_of(logmag, silence(logmag), features["level"], CONFIG.floor)[0][0]
    expected = short_magnitudes(audio)
    frames = magnitude[:, -expected.shape[1] :]
    torch.testing.assert_close(frames, expected, atol=1e-5, rtol=1e-3)


def test_magnitudes_of_keeps_the_level_whatever_the_scale() -> None:
    """The level of tone and noise together, when the noise is played."""
    torch.manual_seed(0)
    logmag, level = torch.randn(2, 1, 9, 4), torch.rand(1, 1, 4)
    for lift in (0.0, 2.0):
        tone, noise = magnitudes_of(*(logmag + lift), level, 0.01)
        power = tone.square() + NOISE_POWER * noise.square()
        torch.testing.assert_close(power.mean(1, keepdim=True).sqrt(), level)
    silent = magnitudes_of(*logmag, torch.zeros_like(level), 0.01)
    assert max(float(part.abs().max()) for part in silent) == 0.0


def test_noise_is_heard_as_loud_as_it_is_decoded() -> None:
    """A flat noise and nothing else: the mean log-magnitude of what is heard is what was asked for."""
    noise = torch.full((1, CONFIG.bins, 400), -3.0)
    level = torch.full((1, 1, 400), 0.1)
    magnitude, noise = magnitudes_of(silence(noise), noise, level, 0.0)
    synthesis = SpectralSynthesis(CONFIG)
    decoded = {"magnitude": magnitude, "noise": noise, "f0": torch.zeros_like(noise[:, :1])}
    out, _ = synthesis(decoded, synthesis.initial_state(1))
    again = log_magnitudes(out, CONFIG)[..., 20:] + features_of(out)["level"][..., 20:].log()
    wanted = math.log(0.1) - 0.5 * math.log(NOISE_POWER)
    assert float(again[:, 3:-3].mean()) == pytest.approx(wanted, abs=0.02)


def test_what_lies_near_the_floor_is_played_20_db_softer_and_never_at_0() -> None:
    logmag = torch.tensor([0.0, math.log(0.0101), math.log(0.005)]).view(1, 3, 1)
    played = magnitudes_of(logmag, silence(logmag), torch.ones(1, 1, 1), 0.01)[0][0, :, 0]
    assert (played / played[0]).tolist() == pytest.approx([1.0, 0.00101 / 0.99, 0.0005 / 0.99], rel=1e-4)


def test_a_full_scale_sine_has_the_magnitude_1_and_level_scales_nothing_else() -> None:
    time = torch.arange(48_000 // 256 * 256) / 48_000
    sine = torch.sin(2 * math.pi * 3000.0 * time)[None, None]
    loud, soft = features_of(sine), features_of(0.05 * sine)
    magnitude = (loud["logmag"].exp() - CONFIG.floor) * loud["level"]
    assert float(magnitude[0, 64, 20:].mean()) == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(soft["level"], 0.05 * loud["level"], rtol=1e-4, atol=1e-7)
    for name in ("logmag", "pitch_spectrum"):
        torch.testing.assert_close(soft[name][..., 20:], loud[name][..., 20:], atol=5e-3, rtol=0)


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


def test_partials_of_one_pitch_come_together_in_pulses() -> None:
    """Whatever their phases at the start; without a pitch they stay as they are."""
    f0, frames = 5.0, 400  # 234 Hz
    distance = torch.remainder(torch.arange(CONFIG.bins) + f0 / 2, f0) - f0 / 2
    magnitude = (-0.80566 * distance.square()).exp()
    magnitude[int(20.5 * f0) :] = 0.0
    magnitude[:3] = 0.0
    torch.manual_seed(0)
    synthesis = SpectralSynthesis(CONFIG)
    crest: dict[bool, float] = {}
    for drawn in (False, True):
        state = synthesis.initial_state(1)
        state["phase_turns"] = torch.rand_like(state["phase_turns"]) - 0.5
        decoded = {
            "magnitude": magnitude.view(1, -1, 1).expand(1, -1, frames),
            "noise": torch.zeros(1, CONFIG.bins, frames),
            "f0": torch.full((1, 1, frames), f0 * drawn),
        }
        audio = synthesis(decoded, state)[0][0, 0, -24_000:]
        crest[drawn] = float(audio.abs().max() / audio.square().mean().sqrt())
    assert crest[True] > 5.5  # 20 partials in phase: the square root of 40
    assert crest[False] < 4.5
