from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from latentfx.dsp.resample import StreamResampler
from latentfx.errors import ShapeError

RATES = [
    (44_100, 48_000),
    (48_000, 44_100),
    (8_000, 48_000),
    (192_000, 48_000),
    (48_000, 192_000),
    (48_000, 8_000),
]
Float32 = NDArray[np.float32]


def stream(resampler: StreamResampler, audio: Float32, blocks: list[int]) -> Float32:
    out, start = [], 0
    for size in blocks:
        out.append(resampler.process(audio[:, start : start + size]))
        start += size
    return np.concatenate([*out, resampler.process(audio[:, start:]), resampler.flush()], axis=1)


@pytest.mark.parametrize(("source", "target"), RATES)
def test_a_tone_stays_in_step(source: int, target: int) -> None:
    rng = np.random.default_rng(source)
    wave = np.sin(2 * np.pi * 440.0 * np.arange(source // 2) / source).astype(np.float32)[None]
    out = stream(StreamResampler(source, target, 1), wave, [int(n) for n in rng.integers(0, 900, 20)])
    time = np.arange(out.shape[1]) / target
    middle = (time > 0.05) & (time < 0.45)
    assert out.shape[1] == target // 2
    np.testing.assert_allclose(out[0, middle], np.sin(2 * np.pi * 440.0 * time[middle]), atol=1e-5)


@pytest.mark.parametrize(("source", "target"), RATES)
def test_an_impulse_arrives_on_time(source: int, target: int) -> None:
    audio = np.zeros((1, source // 10), np.float32)
    at_s = 0.05
    audio[0, round(at_s * source)] = 1.0
    out = stream(StreamResampler(source, target, 1), audio, [256] * 10)
    assert abs(int(np.abs(out[0]).argmax()) - at_s * target) <= 0.5


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*RATES, (11_025, 48_000), (48_000, 47_999), (48_000, 48_000)]),
    st.integers(0, 3000),
    st.lists(st.integers(0, 700), max_size=6),
)
def test_the_length_is_exact_and_any_split_gives_the_same(
    rates: tuple[int, int], samples: int, blocks: list[int]
) -> None:
    resampler = StreamResampler(*rates, 2)
    audio = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    out = stream(resampler, audio, blocks)
    assert out.shape == (2, round(samples * rates[1] / rates[0]))
    np.testing.assert_allclose(stream(resampler, audio, []), out, atol=1e-5)


def test_forth_and_back_gives_the_audio_again() -> None:
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.standard_normal(9000), np.hanning(32) / 16, "same").astype(np.float32)[None]
    there = stream(StreamResampler(44_100, 48_000, 1), smooth, [500] * 9)
    back = stream(StreamResampler(48_000, 44_100, 1), there, [333] * 9)
    assert back.shape == smooth.shape
    np.testing.assert_allclose(back[:, 300:-300], smooth[:, 300:-300], atol=1e-4)


def test_equal_rates_pass_audio_untouched_and_channels_stay_apart() -> None:
    audio = np.random.default_rng(1).standard_normal((3, 100)).astype(np.float32)
    assert np.array_equal(stream(StreamResampler(48_000, 48_000, 3), audio, [7, 30]), audio)
    audio[1:] = 0
    assert np.abs(stream(StreamResampler(44_100, 48_000, 3), audio, [])[1:]).max() == 0.0


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"block has the shape \(3, 10\); allowed \(2, samples\)"):
        StreamResampler(44_100, 48_000, 2).process(np.zeros((3, 10), np.float32))
    with pytest.raises(ShapeError, match="allowed rates above 0 and 1 channel or more"):
        StreamResampler(0, 48_000, 2)
