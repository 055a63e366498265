"""Noise as it is, not as it is on average."""

from __future__ import annotations

import math

import pytest
import torch

from latentfx.methods.texture import NoiseTexture, white_texture

BINS = 65


def test_it_is_the_logarithm_of_rayleigh_magnitudes_about_their_mean() -> None:
    texture = NoiseTexture(BINS)
    noise, _ = texture(4000, texture.initial_state(1))
    torch.manual_seed(0)
    flat = noise.flatten()
    assert float(flat.quantile(0.75) - white_texture(flat).quantile(0.75)) == pytest.approx(0.0, abs=0.01)
    assert abs(float(flat.mean())) < 0.01
    assert abs(float(flat.std()) - math.pi / math.sqrt(24)) < 0.02
    quantile = torch.quantile(flat[:100_000], 0.9)
    assert abs(float(quantile) - 0.5 * (math.log(-math.log(0.1)) + 0.5772)) < 0.02


def test_neighbouring_frames_and_bins_are_not_alike() -> None:
    texture = NoiseTexture(BINS)
    noise, _ = texture(1000, texture.initial_state(1))
    for later in (noise[:, 1:], noise[:, 61:], noise[:, 67:]):
        first = noise[:, : later.shape[1]]
        assert abs(float(torch.corrcoef(torch.stack([first.flatten(), later.flatten()]))[0, 1])) < 0.35
    assert abs(float(torch.corrcoef(noise[0, :, :2].T)[0, 1])) < 0.2


def test_any_split_gives_the_same_and_it_goes_round() -> None:
    texture = NoiseTexture(BINS)
    whole, end = texture(50, texture.initial_state(2))
    state, pieces = texture.initial_state(2), []
    for size in (1, 7, 30, 12):
        piece, state = texture(size, state)
        pieces.append(piece)
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.equal(state["texture_count"], end["texture_count"])
    _, around = texture(61 * 67, texture.initial_state(1))
    assert float(around["texture_count"]) == 0.0
