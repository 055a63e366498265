"""A trained model, frame by frame."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentfx.dsp.loudness import k_weight
from latentfx.dsp.noise import NOISE_POWER
from latentfx.methods.swapper.features import log_bands
from latentfx.methods.swapper.harmonic_synthesis import LOBE_ENERGY
from latentfx.methods.swapper.model import Swapper
from latentfx.methods.swapper.streaming import StreamingSwapper
from latentfx.stages import Features, State

N = 30


@pytest.fixture
def streaming(trained: Swapper) -> StreamingSwapper:
    return StreamingSwapper(trained).eval().requires_grad_(False)


def features_of(model: Swapper, rows: int = 2) -> Features:
    spectral, margin = model.config.spectral, model.config.spectral.pitch_margin
    generator = torch.Generator().manual_seed(2)
    return {
        "pitch_spectrum": torch.rand(rows, spectral.n_pitch + 2 * margin, N, generator=generator),
        "pitch": torch.rand(rows, spectral.n_pitch, N, generator=generator),
        "newest": torch.rand(rows, spectral.n_pitch, N, generator=generator),
        "level": torch.rand(rows, 1, N, generator=generator),
        "loud_level": torch.rand(rows, 1, N, generator=generator),
    }


def part(features: Features, start: int, stop: int) -> Features:
    return {name: value[..., start:stop] for name, value in features.items()}


def encode(model: StreamingSwapper, features: Features, splits: list[int]) -> tuple[dict[str, Tensor], State]:
    state, start = model.initial_state(2), 0
    pieces: list[dict[str, Tensor]] = []
    for size in splits:
        factors, state = model.encode(part(features, start, start + size), state)
        pieces.append(factors)
        start += size
    return {name: torch.cat([piece[name] for piece in pieces], -1) for name in pieces[0]}, state


def _gain(model: StreamingSwapper, features: Features) -> Tensor:
    """What `Continuity` adds to the fits."""
    both = torch.cat([features["pitch"], features["newest"]]).transpose(1, 2)
    fits = model.local.fits(both)
    return model.continuity(fits, model.continuity.initial_state(2))[0] - fits[:2]


@pytest.mark.parametrize("splits", [[1] * N, [7, 1, 22], [29, 1]])
def test_any_split_gives_the_same_factors_and_state(
    trained: Swapper, streaming: StreamingSwapper, splits: list[int]
) -> None:
    features = features_of(trained)
    whole, cut = encode(streaming, features, [N]), encode(streaming, features, splits)
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_factors_are_those_of_the_trained_encoders(trained: Swapper, streaming: StreamingSwapper) -> None:
    """With a memory of seconds, a third of a second weighs nearly evenly: v is that of the whole stretch."""
    features = features_of(trained)
    factors, state = encode(streaming, features, [N])
    pitch = features["pitch"].transpose(1, 2)
    first = trained.networks.local_encoder
    plain = first.code_of(first.fits(pitch) + _gain(streaming, features).float())
    torch.testing.assert_close(factors["z"].transpose(1, 2), plain, atol=1e-4, rtol=1e-4)
    banded = log_bands(features["pitch_spectrum"].transpose(1, 2), trained.config.bins_per_band)
    mean, _ = trained.networks.global_encoder(banded, torch.ones(2, N))
    torch.testing.assert_close(factors["v"][..., -1], mean, atol=0.05, rtol=0.05)
    torch.testing.assert_close(state["model_timbre"], factors["v"][..., -1])


def test_what_is_too_soft_does_not_change_v(trained: Swapper, streaming: StreamingSwapper) -> None:
    features = features_of(trained)
    features["level"][..., 20:] = 0.5 * trained.config.active_level
    factors, _ = encode(streaming, features, [N])
    held = factors["v"][..., 19:20].expand_as(factors["v"][..., 20:])
    torch.testing.assert_close(factors["v"][..., 20:], held, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(factors["v"][..., 0], factors["v"][..., 19], atol=1e-3)


def test_decoded_partials_and_noise_are_as_loud_as_the_input(
    trained: Swapper, streaming: StreamingSwapper
) -> None:
    features = features_of(trained)
    factors, _ = encode(streaming, features, [N])
    state = streaming.initial_state(2)
    decoded, _ = streaming.decode(factors, features, state)
    spectral = trained.config.spectral
    share = (spectral.bins - 1) / spectral.hop_length
    numbers = torch.arange(1, decoded["partials"].shape[1] + 1)[:, None]
    per_bin = spectral.sample_rate / spectral.n_fft
    tone = decoded["partials"].square() * k_weight(decoded["f0"].float() * numbers * per_bin)
    bands = k_weight(torch.linspace(0.0, spectral.sample_rate / 2, spectral.hop_length + 1))[:, None]
    noise = share * NOISE_POWER * (decoded["noise"].square() * bands).sum(1, keepdim=True)
    level = ((LOBE_ENERGY * tone.sum(1, keepdim=True) + noise) / spectral.bins).sqrt()
    torch.testing.assert_close(level, features["loud_level"], rtol=1e-3, atol=1e-6)
    assert all(float(part.min()) >= 0 for part in decoded.values())


@torch.no_grad()
def test_another_v_changes_the_spectrum_and_the_old_one_restores_it(
    trained: Swapper, streaming: StreamingSwapper
) -> None:
    features = features_of(trained)
    factors, _ = encode(streaming, features, [N])
    state = streaming.initial_state(2)
    factors["z"] = trained.networks.local_encoder.code[40][None, :, None].expand_as(factors["z"]).contiguous()
    before, _ = streaming.decode(factors, features, state)
    other = trained.timbres[1][None, :, None].expand_as(factors["v"])
    swapped, _ = streaming.decode({**factors, "v": other}, features, state)
    again, _ = streaming.decode({**factors, "v": factors["v"].clone()}, features, state)
    assert not torch.allclose(swapped["partials"], before["partials"], rtol=0.05)
    torch.testing.assert_close(again["partials"], before["partials"])
