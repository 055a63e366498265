"""Combs at every pitch against the spectra of real harmonic tones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.methods.dsae import NetworkConfig
from latentfx.methods.harmonic import HarmonicDecoder, HarmonicEncoder, comb_weights, pitch_code
from latentfx.methods.spectral import SpectralAnalysis, SpectralConfig, SpectralSynthesis, log_magnitudes

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
    return log_magnitudes(audio.float()[None, None], CONFIG)[0, :, -1], features["pitch_spectrum"][
        0, margin:-margin, -1
    ]


@pytest.mark.parametrize("pitch", [96, 131, 150, 199])
def test_the_comb_of_the_true_pitch_fits_best(pitch: int) -> None:
    _, spectrum = spectra(pitch, 20)
    fit = comb_weights(CONFIG, PITCHES) @ spectrum
    assert abs(int(fit.argmax()) - pitch) <= 1


@torch.no_grad()
@pytest.mark.parametrize("pitch", [70, 96, 131, 150, 199])
def test_the_decoder_reads_from_z_the_pitch_that_the_encoder_wrote(pitch: int) -> None:
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    encoder, decoder = HarmonicEncoder(config, CONFIG, PITCHES), HarmonicDecoder(config, CONFIG, PITCHES)
    _, spectrum = spectra(pitch, 20)
    z, _ = encoder(spectrum[None, None])
    share = torch.softmax(z @ decoder.match, dim=-1)
    expected = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave) * CONFIG.n_fft / CONFIG.sample_rate
    cents = 1200 * math.log2(float(decoder.frequency(share)) / expected)
    assert abs(cents) < 10


@torch.no_grad()
def test_two_rival_pitches_do_not_mix() -> None:
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    share = torch.zeros(1, 1, PITCHES)
    share[..., 100], share[..., 101], share[..., 148] = 0.3, 0.3, 0.4
    at = CONFIG.f_min_hz * 2.0 ** (148 / 48) * CONFIG.n_fft / CONFIG.sample_rate
    assert float(decoder.frequency(share)) == pytest.approx(at, rel=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pitch", [120, 160, 210])
def test_partials_have_the_shape_of_an_analysed_tone(pitch: int) -> None:
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    f0_hz = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave)
    bin_hz = CONFIG.sample_rate / CONFIG.n_fft
    count = min(60, int(20_000 / f0_hz))
    analysed, spectrum = spectra(pitch, count)
    z = HarmonicEncoder(config, CONFIG, PITCHES)(spectrum[None, None])[0]
    for linear in (decoder.partials, decoder.blur):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    harmonic = decoder.parts(z, torch.zeros(1, config.v_size))[0][0, 0]
    bins = torch.tensor([round(k * f0_hz / bin_hz) for k in range(1, count)])
    difference = (analysed - harmonic)[bins]
    assert float((difference - difference.median()).abs().max()) < 0.7


@torch.no_grad()
def test_tone_and_noise_add_up_to_what_is_trained() -> None:
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    z = HarmonicEncoder(config, CONFIG, PITCHES)(spectra(150, 20)[1][None, None])[0]
    v = torch.zeros(1, config.v_size)
    torch.nn.init.zeros_(decoder.blur.weight)
    torch.nn.init.constant_(decoder.blur.bias, 30.0)  # no blur: as it is played
    tone, noise, _ = decoder.parts(z, v)
    torch.testing.assert_close(decoder(z, v).exp(), tone.exp() + noise.exp())


@torch.no_grad()
@pytest.mark.parametrize("f0_hz", [185.0, 210.0, 330.0])
def test_a_low_note_is_played_at_its_pitch_on_any_slope(f0_hz: float) -> None:
    """The phase propagation reads frequencies from the lobes: a blurred or a tilted lobe would detune it."""
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    decoder.start_from(-0.15 * torch.arange(CONFIG.bins).float())
    position = round(CONFIG.bins_per_octave * math.log2(f0_hz / CONFIG.f_min_hz))
    f0_hz = CONFIG.f_min_hz * 2 ** (position / CONFIG.bins_per_octave)
    z = pitch_code(PITCHES, config.z_size)[position].expand(1, 400, -1)
    tone, _, f0 = decoder.parts(z, torch.zeros(1, config.v_size))
    synthesis = SpectralSynthesis(CONFIG)
    assert float(f0.mean()) == pytest.approx(f0_hz * CONFIG.n_fft / CONFIG.sample_rate, rel=1e-3)
    nothing = torch.zeros(1, CONFIG.bins, 400)
    decoded = {"magnitude": tone.exp().transpose(1, 2), "noise": nothing, "f0": nothing[:, :1]}
    audio, _ = synthesis(decoded, synthesis.initial_state(1))
    assert cents_off(audio[0, 0, 8192:], f0_hz) < 5


def cents_off(audio: Tensor, f0_hz: float) -> float:
    """How far the first partial of a steady tone is from where it should be: its phase a second later."""
    length, later = 16_384, CONFIG.sample_rate
    turn = torch.exp(-2j * math.pi * f0_hz / CONFIG.sample_rate * torch.arange(later + length))
    beat = audio[: later + length] * turn
    window = torch.hann_window(length)
    hops = [(beat[start : start + length] * window).sum() for start in range(0, later, 480)]
    angles = torch.stack(hops).angle()
    steps = torch.remainder(angles.diff() + math.pi, 2 * math.pi) - math.pi
    return abs(1200 * math.log2(1 + float(steps.mean()) / (2 * math.pi * 0.01) / f0_hz))
