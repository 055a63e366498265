"""Partials and noise as sound: what was measured comes back when it is measured again."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.loudness import k_weight
from latentfx.dsp.noise import NOISE_POWER
from latentfx.methods.swapper.harmonic_synthesis import LOBE_ENERGY, HarmonicSynthesis, PlayedLevels
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig, log_magnitudes

CONFIG = SpectralConfig()
BINS = CONFIG.hop_length + 1
F0_BINS = 8.0  # 375 Hz
NOTHING = -100.0


def play(partials: Tensor, noise: Tensor, level: float = 0.1, f0: float = F0_BINS) -> Tensor:
    """Log-magnitudes [N, K] and [N, F] -> audio [1, 1, N * hop]."""
    pitch = torch.full((1, len(noise), 1), f0).double()
    levels = torch.full((1, len(noise), 1), level)
    tone, breath = PlayedLevels(CONFIG, 0.0)(
        partials[None], noise[None], pitch, levels, torch.ones_like(levels)
    )
    synthesis = HarmonicSynthesis(CONFIG, partials.shape[1])
    decoded = {"partials": tone.transpose(1, 2), "noise": breath.transpose(1, 2), "f0": pitch.transpose(1, 2)}
    return synthesis(decoded, synthesis.initial_state(1))[0]


def measured_level(audio: Tensor) -> Tensor:
    analysis = SpectralAnalysis(CONFIG)
    return analysis(audio, analysis.initial_state(1))[0]["loud_level"][0, 0, 20:]


def flat_level(audio: Tensor) -> Tensor:
    analysis = SpectralAnalysis(CONFIG)
    return analysis(audio, analysis.initial_state(1))[0]["level"][0, 0, 20:]


def test_a_tone_has_the_level_asked_for() -> None:
    partials = -torch.arange(10.0).expand(200, -1) / 3
    audio = play(partials, torch.full((200, BINS), NOTHING))
    torch.testing.assert_close(measured_level(audio), torch.full((180,), 0.1), rtol=0.01, atol=0)


def test_its_partials_are_as_strong_as_they_were_decoded() -> None:
    partials = -torch.arange(10.0).expand(200, -1) / 3
    audio = play(partials, torch.full((200, BINS), NOTHING))
    spectrum = log_magnitudes(audio, CONFIG)[0, :, 20:].mean(-1)
    peaks = spectrum[(F0_BINS * torch.arange(1, 11)).long()]
    torch.testing.assert_close(peaks - peaks[0], partials[0], atol=0.05, rtol=0)


def test_noise_is_heard_as_loud_as_it_is_decoded() -> None:
    """A flat noise and nothing else: the mean log-magnitude of what is heard is what was asked for."""
    audio = play(torch.full((800, 4), NOTHING), torch.full((800, BINS), -3.0))
    spectrum = log_magnitudes(audio, CONFIG)[0, :, 20:]
    again = (spectrum.exp() - CONFIG.floor).log() + flat_level(audio).log()
    bands = float(k_weight(torch.linspace(0.0, CONFIG.sample_rate / 2, BINS)).mean())
    wanted = math.log(0.1) - 0.5 * math.log(NOISE_POWER * bands)
    assert float(again[3:-3].mean()) == pytest.approx(wanted, abs=0.03)


def test_tone_and_noise_share_the_level_as_they_were_decoded() -> None:
    partials, noise = torch.full((400, 1), -1.0), torch.full((400, BINS), -4.0)
    both = play(partials, noise)
    bands = float(k_weight(torch.linspace(0.0, CONFIG.sample_rate / 2, BINS)).mean())
    shares = math.exp(-2.0) * LOBE_ENERGY, bands * CONFIG.bins * math.exp(-8.0) * NOISE_POWER
    tone, breath = (
        play(partials, torch.full_like(noise, NOTHING)),
        play(torch.full_like(partials, NOTHING), noise),
    )
    loud = [float(measured_level(audio).square().mean().sqrt()) for audio in (both, tone)]
    assert loud[0] == pytest.approx(loud[1], rel=0.1)
    expected = math.sqrt(shares[1] / sum(shares))
    residue = both - tone * math.sqrt(shares[0] / sum(shares))
    assert float(residue[0, 0, 8192:].std() / breath[0, 0, 8192:].std()) == pytest.approx(expected, rel=0.05)


def test_what_lies_near_the_floor_is_played_20_db_softer_and_never_at_0() -> None:
    logmag = torch.tensor([[0.0, math.log(0.0101), math.log(0.005)]])
    quiet = torch.full((1, 1, BINS), NOTHING)
    f0, level = torch.ones(1, 1, 1), torch.ones(1, 1, 1)
    played = PlayedLevels(CONFIG, 0.01)(logmag[None], quiet, f0, level, torch.ones_like(level))[0][0, 0]
    assert (played / played[0]).tolist() == pytest.approx([1.0, 0.00101 / 0.99, 0.0005 / 0.99], rel=1e-4)


def test_partials_end_before_the_nyquist_frequency() -> None:
    f0 = torch.full((1, 1, 1), CONFIG.n_fft / 10.24)
    one = torch.ones(1, 1, 1)
    quiet = torch.full((1, 1, BINS), NOTHING)
    played = PlayedLevels(CONFIG, 0.0)(torch.zeros(1, 1, 8), quiet, f0, one, one)[0][0, 0]
    assert played[5:].tolist() == [0.0, 0.0, 0.0]
    assert float(played[:4].min()) == float(played[:4].max()) > 0.0


def test_the_latency_is_from_the_middle_of_the_level_frame_to_the_end_of_the_hop() -> None:
    """A note that begins at once: half of its energy is there where the spec says."""
    begin = 100 * CONFIG.hop_length
    audio = torch.zeros(1, 1, 200 * CONFIG.hop_length)
    audio[..., begin:] = torch.sin(2 * math.pi * 375.0 * torch.arange(audio.shape[-1] - begin) / 48_000)
    analysis, synthesis = SpectralAnalysis(CONFIG), HarmonicSynthesis(CONFIG, 1)
    level = analysis(audio, analysis.initial_state(1))[0]["level"][0, 0]
    partials, noise = torch.zeros(1, 200, 1), torch.full((1, 200, BINS), NOTHING)
    pitch = torch.full((1, 200, 1), F0_BINS).double()
    levels = level[None, :, None]
    tone, breath = PlayedLevels(CONFIG, 0.0)(partials, noise, pitch, levels, torch.ones_like(levels))
    decoded = {"partials": tone.transpose(1, 2), "noise": breath.transpose(1, 2), "f0": pitch.transpose(1, 2)}
    heard = synthesis(decoded, synthesis.initial_state(1))[0][0, 0].abs()
    loud = float(heard[-8192:].max())
    half = int((heard > loud * math.sqrt(0.5)).nonzero()[0])
    assert abs(half - begin - synthesis.latency) < CONFIG.hop_length
    assert synthesis.latency == 512
