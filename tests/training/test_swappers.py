"""Trained models as an evaluation sees them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_swap import tiny_model

from latentfx.dsp.log_mel import LogMel
from latentfx.methods.base import Objective
from latentfx.methods.dsae.config import JDSAEConfig
from latentfx.methods.dsae.models import JDSAE
from latentfx.methods.dsae.views import MelViews
from latentfx.training.evaluations.swap.swapper import Codes, SwappingModel
from latentfx.training.evaluations.swap.swappers import MelSwapper, SpectralSwapper
from latentfx.training.judges.judge import JUDGED

Float32 = NDArray[np.float32]


def tone(rate: int, f0_hz: float, length: int, bright: float = 0.5) -> Float32:
    times = np.arange(length) / rate
    partials = [np.sin(2 * np.pi * f0_hz * n * times) * bright**n for n in range(1, 8)]
    return np.asarray(0.3 * np.sum(partials, axis=0), dtype=np.float32)


def on_judged_mels(decoder: str = "factorised", log_eps: float = 1e-5) -> MelSwapper:
    torch.manual_seed(0)
    mel = dataclasses.replace(JUDGED, log_eps=log_eps)
    return MelSwapper(JDSAE(JDSAEConfig(mel=mel, decoder=decoder)))  # type: ignore[arg-type]


@pytest.fixture(params=["factorised", "autoregressive", "spectral"])
def swapper(request: pytest.FixtureRequest) -> SwappingModel:
    return SpectralSwapper(tiny_model()) if request.param == "spectral" else on_judged_mels(request.param)


def test_a_clip_becomes_codes_mels_and_audio(swapper: SwappingModel) -> None:
    length = 8000
    codes = swapper.encode(tone(swapper.sample_rate, 330.0, length))
    assert (codes.v.shape, codes.v.dtype) == ((swapper.v_size,), np.float32)
    mel, audio = swapper.log_mel(codes), swapper.audio(codes)
    frames = 1 + length // JUDGED.hop_length
    assert (mel.shape, mel.dtype) == ((frames, 80), np.float32)
    assert length - JUDGED.hop_length < len(audio) <= length
    assert audio.dtype == np.float32
    assert np.isfinite(mel).all()
    assert np.isfinite(audio).all()
    assert mel.min() >= np.log(JUDGED.log_eps) - 1e-3


def test_codes_are_means_and_draws_only_where_they_are_asked_for(swapper: SwappingModel) -> None:
    clip = tone(swapper.sample_rate, 330.0, 8000)
    first, second = swapper.encode(clip), swapper.encode(clip)
    np.testing.assert_array_equal(first.v, second.v)
    np.testing.assert_array_equal(swapper.log_mel(first), swapper.log_mel(second))
    torch.manual_seed(1)
    drawn, other = swapper.encode(clip, sampled=True), swapper.encode(clip, sampled=True)
    torch.manual_seed(1)
    again = swapper.encode(clip, sampled=True)
    assert not np.allclose(drawn.v, other.v)
    np.testing.assert_array_equal(drawn.v, again.v)


def test_exchanging_v_twice_restores_the_clip(swapper: SwappingModel) -> None:
    rate = swapper.sample_rate
    a, b = swapper.encode(tone(rate, 330.0, 8000)), swapper.encode(tone(rate, 440.0, 8000, 0.9))
    before = swapper.log_mel(a)
    swapped = Codes(a.z, b.v + 1.0)
    assert not np.allclose(swapper.log_mel(swapped), before, atol=1e-3)
    np.testing.assert_array_equal(swapper.log_mel(Codes(swapped.z, a.v)), before)


def test_the_judged_mels_do_not_depend_on_what_the_model_adds_to_silence() -> None:
    quiet, loud = on_judged_mels(log_eps=1e-9), on_judged_mels(log_eps=1e-5)
    codes = quiet.encode(tone(16_000, 330.0, 8000))
    with torch.no_grad():
        for model in (quiet, loud):  # both now write power 10 - 1e-9 or - 1e-5, or nothing at all
            objective = model._objective
            objective.networks.decoder.get_submodule("output").get_parameter("weight").zero_()
            bias = objective.networks.decoder.get_submodule("output").get_parameter("bias")
            bias.fill_(np.log(10.0))
            bias[40:] = -30.0
    mels = [model.log_mel(codes) for model in (quiet, loud)]
    np.testing.assert_allclose(mels[0], mels[1], atol=0.02)
    np.testing.assert_allclose(mels[0][:, 40:], np.log(JUDGED.log_eps), atol=1e-3)


def test_a_48_khz_model_keeps_the_level_and_the_place_of_a_note(trained: Objective) -> None:
    """A note in the middle of silence comes out there, as loud as it went in."""
    swapper = SpectralSwapper(trained)
    clip = np.zeros(16_000, dtype=np.float32)
    clip[6000:12_000] = tone(swapper.sample_rate, 440.0, 6000)
    audio = swapper.audio(swapper.encode(clip))
    assert len(audio) == len(clip)

    def level(part: slice, samples: Float32) -> float:
        return float(np.sqrt(np.mean(samples[part] ** 2)))

    note = slice(6500, 11_500)
    assert level(note, audio) == pytest.approx(level(note, clip), rel=0.2)
    for silence in (slice(0, 5400), slice(12_600, 16_000)):
        assert level(silence, audio) < 0.01 * level(note, clip)


def test_v_is_that_of_training(trained: Objective) -> None:
    """Read from the whole clip, as `loss` reads it."""
    swapper = SpectralSwapper(trained)
    clip = tone(swapper.sample_rate, 440.0, 128 * 60)
    features = trained.get_submodule("features")
    latency = trained.config.spectral.level_window // 2
    longer = np.pad(clip, (0, latency))
    cache = features.prepare([_Clip(longer, swapper.sample_rate)])  # type: ignore[operator]
    views = features(cache.crop(torch.tensor([0]), torch.tensor([0]), 60))
    with torch.no_grad():
        mean, _ = trained.get_submodule("networks.global_encoder")(views.overview, views.active)
    np.testing.assert_allclose(swapper.encode(clip).v, mean[0].numpy(), atol=1e-5)


@dataclasses.dataclass(frozen=True)
class _Clip:
    audio: Float32
    sample_rate: int
    instrument: str = "violin"
    source: str = "here"


def test_mels_are_those_that_the_model_was_trained_on() -> None:
    clip = tone(16_000, 440.0, 16_000)
    found = MelViews(JUDGED).frames(clip)
    torch.testing.assert_close(found, LogMel(JUDGED)(torch.from_numpy(clip)[None])[0])
