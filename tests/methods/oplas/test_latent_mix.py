"""The latent mixer: what it is trained on, and that stems come to add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from latentfx.errors import DataError, RecipeError
from latentfx.methods.cache import FeatureCache
from latentfx.methods.oplas.mix.config import LatentMixConfig, MixSpectra
from latentfx.methods.oplas.mix.frames import KEPT_SCALE, delayed, grouped
from latentfx.methods.oplas.mix.model import LatentMix
from latentfx.methods.oplas.mix.remix import remixed

RATE = 16000
SMALL = LatentMixConfig(
    MixSpectra(sample_rate=RATE, hop_length=64, n_fft=256, bands=64),
    width=16,
    projector_width=16,
    stems=3,
    frame_step=256,
)


@dataclass(frozen=True, eq=False)
class Sounds:
    audio: np.ndarray
    stems: tuple[np.ndarray, ...]
    sample_rate: int = RATE
    instrument: str = "mix"
    source: str = "made up"


def sounds(seed: int, number: int = 3, seconds: float = 2.0) -> Sounds:
    """Tones with noise, of different pitches and loudness."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(seconds * RATE)) / RATE
    stems = []
    for _ in range(number):
        f0_hz = rng.uniform(80, 800)
        tone = sum(np.sin(2 * np.pi * f0_hz * k * times_s) / k for k in range(1, 8))
        hiss = 0.3 * rng.uniform() * rng.standard_normal(len(times_s))
        swell = 0.5 - 0.5 * np.cos(2 * np.pi * times_s * rng.uniform(1, 5))
        stems.append((0.1 * rng.uniform(0.2, 1.0) * swell * (tone + hiss)).astype(np.float32))
    return Sounds(np.sum(stems, 0), tuple(stems))


def batch_of(cache: FeatureCache, count: int, generator: torch.Generator) -> Mapping[str, Tensor]:
    drawn = torch.randint(int(cache.lengths.sum()), (count,), generator=generator)
    return {name: frames[drawn].float().unsqueeze(1) for name, frames in cache.frames.items()}


def train(model: LatentMix, cache: FeatureCache, stage: int, steps: int) -> dict[str, float]:
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    model.begin_stage(stage)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 4e-3)
    parts: dict[str, Tensor] = {}
    for _ in range(steps):
        parts = model.loss(batch_of(cache, 16, generator))
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
    return {name: float(value.detach()) for name, value in parts.items()}


@pytest.fixture(scope="module")
def cache_and_model() -> tuple[FeatureCache, LatentMix, dict[str, float]]:
    """A model after both stages of a short training, and its last losses."""
    torch.manual_seed(0)
    model = LatentMix(SMALL)
    cache = model.prepare([sounds(seed) for seed in range(4)])
    train(model, cache, 0, 80)
    second = train(model, cache, 1, 120)
    return cache, model, second


def test_spectra_of_the_stems_are_kept_and_sum_to_the_mix() -> None:
    clip = sounds(0)
    model = LatentMix(SMALL)
    cache = model.prepare([clip])
    mix = LatentMix(SMALL).prepare([Sounds(clip.audio, (clip.audio, 0 * clip.audio))])
    assert cache.frames["stems"].shape == (len(clip.audio) // 256 - 1, 3, 2, 129)
    summed, whole = (each.frames["stems"].float().sum(1) for each in (cache, mix))
    torch.testing.assert_close(summed, whole, atol=0.05, rtol=5e-3)
    learnt = model.networks.profile.clone()
    assert bool((learnt != 1.0).any())
    model.prepare([sounds(5)])
    assert torch.equal(model.networks.profile, learnt), "validation clips teach nothing"


def test_stems_are_grouped_by_loudness_and_none_is_lost() -> None:
    clip = sounds(3, number=5)
    groups = grouped(clip, 3)
    np.testing.assert_allclose(groups.sum(0), clip.audio, atol=1e-6)
    loudest = max(clip.stems, key=lambda stem: float((stem**2).sum()))
    assert np.abs(groups[0].numpy() - loudest).max() < np.abs(loudest).max()
    assert not grouped(Sounds(clip.audio, clip.stems[:2]), 3)[2].any()
    with pytest.raises(DataError, match=r"made up has no stems: .* 'stems' and 'band'"):
        grouped(Sounds(clip.audio, ()), 3)


def test_a_late_stem_is_the_same_stem_later() -> None:
    stems = torch.from_numpy(np.stack(sounds(1).stems))
    late = delayed(stems, 320.0, torch.Generator().manual_seed(0))
    found = []
    for stem, moved in zip(stems, late, strict=True):
        found.append(next(by for by in range(321) if torch.equal(moved[by:], stem[: len(stem) - by])))
        assert not moved[: found[-1]].any()
    assert len(set(found)) == len(found)
    again = delayed(stems, 320.0, torch.Generator().manual_seed(0))
    assert torch.equal(again, late)


def test_stems_come_to_add_up_in_the_projected_space(
    cache_and_model: tuple[FeatureCache, LatentMix, dict[str, float]],
) -> None:
    """On other sounds than those of the training, and better than the embeddings do by themselves."""
    _, model, second = cache_and_model
    held = model.prepare([sounds(seed) for seed in range(20, 23)])
    torch.manual_seed(2)
    with torch.no_grad():
        in_time, late = (held.frames[name].float() / KEPT_SCALE for name in ("stems", "late"))
        stems, _ = remixed(in_time, late, model.config)
        z, y = {}, {}
        for name, part in (("mix", stems.sum(1)), ("side", stems[:, 0]), ("rest", stems[:, 1:].sum(1))):
            x = model.axis(part.square().sum(1).sqrt().t().unsqueeze(0))[0].t()
            y[name] = model.networks.encoder(model.networks.compress(x))
            z[name] = model.networks.into(y[name])

    def error(at: dict[str, Tensor]) -> float:
        return float((at["side"] + at["rest"] - at["mix"]).norm() / at["mix"].norm())

    assert error(z) < 0.8 * error(y)
    assert second["masked"] < -1.3, "the mix under the mask is within -13 dB of the remainder"


def test_the_second_stage_leaves_the_encoder_as_it_is(
    cache_and_model: tuple[FeatureCache, LatentMix, dict[str, float]],
) -> None:
    cache, model, _ = cache_and_model
    encoder = {name: value.clone() for name, value in model.networks.encoder.state_dict().items()}
    into = model.networks.into.layers[0].weight.clone()
    train(model, cache, 1, 3)
    assert all(
        torch.equal(value, encoder[name]) for name, value in model.networks.encoder.state_dict().items()
    )
    assert not torch.equal(model.networks.into.layers[0].weight, into)


def test_compression_is_undone_and_silence_is_nothing() -> None:
    networks = LatentMix(SMALL).networks
    magnitude = torch.logspace(-5, 1, 64).unsqueeze(0)
    torch.testing.assert_close(networks.expand(networks.compress(magnitude)), magnitude, rtol=1e-3, atol=1e-6)
    assert not networks.compress(torch.zeros(1, 64)).any()


def test_the_side_chain_is_the_stem_in_time_or_late() -> None:
    """As loud as in the mix, whatever the gains."""
    kept = LatentMix(SMALL).prepare([sounds(0)]).frames
    stems, late = (kept[name].float() / KEPT_SCALE for name in ("stems", "late"))
    in_time, always_late = (remixed(stems, late, replace(SMALL, late=share)) for share in (0, 1))
    torch.testing.assert_close(in_time[1], in_time[0][:, 0])
    heard = always_late[1].square().sum((1, 2)) > 1e-3
    apart = (always_late[1] - always_late[0][:, 0]).square().sum((1, 2))
    loud = always_late[0][:, 0].square().sum((1, 2))
    assert float(apart[heard].sum()) > 0.2 * float(loud[heard].sum()), "other phases"
    assert float(always_late[1][heard].square().sum()) == pytest.approx(float(loud[heard].sum()), rel=0.3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": 66}, "method.spectra.bands is 66; allowed multiples of 4"),
        ({"hop_length": 1000}, "method.spectra.hop_length is 1000; allowed n_fft"),
    ],
)
def test_sizes_that_do_not_fit_are_named(settings: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        MixSpectra(**settings)
