"""Combs at every pitch against the spectra of real harmonic tones."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from latentfx.methods.dsae.widths import NetworkConfig
from latentfx.methods.swapper.combs import comb_weights
from latentfx.methods.swapper.harmonic import BREATH, HarmonicDecoder, HarmonicEncoder, in_double, tuned
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig, log_magnitudes

CONFIG = SpectralConfig()
PITCHES = 264


def spectra(pitch: int, harmonics: int) -> tuple[Tensor, Tensor]:
    """Log-magnitudes and pitch spectrum of harmonics of equal strength.

    Shape:
        -> [F], [n_pitch]
    """
    return spectra_of(pitch, {float(number): 0.0 for number in range(1, harmonics + 1)})


def spectra_of(pitch: float, levels_db: Mapping[float, float]) -> tuple[Tensor, Tensor]:
    """The same of partials at any multiples of a pitch, each with its level."""
    f0_hz = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave)
    time = torch.arange(40 * CONFIG.hop_length, dtype=torch.float64) / CONFIG.sample_rate
    phase = 2 * math.pi * f0_hz * time
    sines = [10 ** (db / 20) * torch.sin(k * phase + 2.4 * k * k) for k, db in levels_db.items()]
    audio = 0.05 * torch.stack(sines).sum(0)
    analysis = SpectralAnalysis(CONFIG)
    features, _ = analysis(audio.float()[None, None], analysis.initial_state(1))
    margin = CONFIG.pitch_margin
    return log_magnitudes(audio.float()[None, None], CONFIG)[0, :, -3], features["pitch_spectrum"][
        0, margin:-margin, -1
    ]


@pytest.mark.parametrize("pitch", [96, 131, 150, 199])
def test_the_comb_of_the_true_pitch_fits_best(pitch: int) -> None:
    _, spectrum = spectra(pitch, 20)
    fit = comb_weights(CONFIG, PITCHES) @ spectrum
    assert abs(int(fit.argmax()) - pitch) <= 1


@pytest.mark.parametrize("pitch", [170, 190, 205])
def test_an_overblown_note_is_heard_above_the_octave_that_it_lets_through(pitch: int) -> None:
    """As high notes of a flute: few harmonics, and those of the octave below 30 dB down."""
    note = dict(zip((1.0, 2.0, 3.0, 4.0, 5.0), (0.0, -8.0, -18.0, -24.0, -30.0), strict=True))
    _, spectrum = spectra_of(pitch, note | {0.5 + number: -30.0 for number in range(5)})
    assert abs(int((comb_weights(CONFIG, PITCHES) @ spectrum).argmax()) - pitch) <= 1


@pytest.mark.parametrize("pitch", [20, 40, 60, 96])
def test_a_faint_first_harmonic_does_not_hide_the_pitch(pitch: int) -> None:
    """As low notes of a bassoon or a cello."""
    _, spectrum = spectra_of(pitch, {1.0: -30.0} | {float(k): 4.0 - 2.0 * k for k in range(2, 12)})
    assert abs(int((comb_weights(CONFIG, PITCHES) @ spectrum).argmax()) - pitch) <= 1


@torch.no_grad()
@pytest.mark.parametrize("pitches", [PITCHES, 40])
def test_combs_in_double_precision_are_the_same_combs(pitches: int) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    encoder, x = HarmonicEncoder(config, CONFIG, pitches), torch.rand(2, 5, CONFIG.n_pitch)
    fit = in_double(encoder).combs(x)
    assert fit.dtype == torch.float64
    torch.testing.assert_close(fit, encoder.combs(x).double(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("pitch", [60.0, 131.0, 199.0])
@pytest.mark.parametrize("off_cents", [-24.0, 0.0, 12.0])
def test_a_comb_is_tuned_to_the_spectrum_of_a_tone(pitch: float, off_cents: float) -> None:
    x, _ = spectra_of(pitch, {float(k): -1.5 * k for k in range(1, 21)})
    exact = CONFIG.f_min_hz * 2.0 ** (pitch / CONFIG.bins_per_octave) * CONFIG.n_fft / CONFIG.sample_rate
    begun = torch.full([1, 1, 1], exact * 2.0 ** (off_cents / 1200.0), dtype=torch.float64)
    found = tuned(begun, x[None, None])
    assert found.dtype == torch.float64
    assert abs(1200.0 * math.log2(float(found) / exact)) < 5.0


@torch.no_grad()
def test_training_compares_partials_where_those_of_the_target_stand() -> None:
    torch.manual_seed(0)
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    z, v = decoder.code[[96, 150]].unsqueeze(0) * 1.0, torch.randn(1, config.v_size)
    hidden, f0 = decoder._hidden(z, v)
    decoder.partials.bias += 4.0
    target = decoder._spectrum(hidden, f0 * 2.0 ** (16.0 / 1200.0))
    torch.testing.assert_close(decoder.forced(z, v, target), target, atol=0.05, rtol=0)
    assert (decoder(z, v) - target).abs().max() > 1.0
    silent = torch.zeros_like(z[:, :1])
    torch.testing.assert_close(decoder.forced(silent, v, target), decoder(silent, v))


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
    for linear in (decoder.partials, decoder.blur, decoder.noise):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    torch.nn.init.constant_(decoder.blur.bias, 30.0)  # no blur: a steady tone
    torch.nn.init.constant_(decoder.noise.bias, -30.0)
    harmonic = decoder(z, torch.zeros(1, config.v_size))[0, 0]
    bins = torch.tensor([round(k * f0_hz / bin_hz) for k in range(1, count)])
    difference = (analysed - harmonic)[bins]
    assert float((difference - difference.median()).abs().max()) < 0.7
    strong = bins[:3]
    fall, analysed_fall = (
        torch.cat([at[strong] - at[strong + side] for side in (-2, 2)]) for at in (harmonic, analysed)
    )
    assert float((fall - analysed_fall).abs().max()) < 0.4


@torch.no_grad()
def test_what_is_played_is_what_is_trained() -> None:
    """Partials that stand on bins, and noise between them, as `forward` draws them."""
    config = NetworkConfig(n_local=CONFIG.n_pitch, n_output=CONFIG.bins)
    decoder = HarmonicDecoder(config, CONFIG, PITCHES)
    decoder.start_from(-0.01 * torch.arange(CONFIG.bins).float())
    z = HarmonicEncoder(config, CONFIG, PITCHES)(spectra(150, 20)[1][None, None])[0]
    v = torch.zeros(1, config.v_size)
    partials, noise, f0 = decoder.voices(z, v)
    torch.nn.init.zeros_(decoder.blur.weight)
    torch.nn.init.constant_(decoder.blur.bias, 30.0)
    both = decoder(z, v)
    place = (float(f0) * torch.arange(1, 20)).round().long()
    unblurred = noise[0, 0].repeat_interleave(decoder.coarseness)[place] - BREATH
    drawn = torch.logaddexp(partials[0, 0, :19], unblurred)
    apart = (place - float(f0) * torch.arange(1, 20)).abs() < 0.1
    assert int(apart.sum()) >= 2
    assert float((both[0, 0, place] - drawn)[apart].abs().max()) < 0.1
