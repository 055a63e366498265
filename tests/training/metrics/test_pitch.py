"""Pitch contours: the tracker on tones whose pitch is known, the score on contours whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import ShapeError
from latentfx.training.judges.crepe import PITCH_BINS, load_crepe
from latentfx.training.metrics.pitch import _likeliest_path, cents_between, raw_pitch_accuracy, track_pitch

Float64 = NDArray[np.float64]


def tone(f0_hz: Float64, sample_rate: int) -> Float64:
    """Ten harmonics falling by 6 dB an octave over a contour given for every sample."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, 11)) * 0.2)


@pytest.mark.parametrize("sample_rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 987.0])
def test_steady_tone_is_found_within_ten_cents(f0_hz: float, sample_rate: int) -> None:
    track = track_pitch(tone(np.full(sample_rate // 2, f0_hz), sample_rate), sample_rate)
    inner = slice(5, -5)
    assert np.abs(cents_between(np.full(len(track.f0_hz), f0_hz), track.f0_hz))[inner].max() < 10
    assert track.voiced[inner].all()
    assert len(track.f0_hz) == 51
    assert track.times_s[1] == pytest.approx(0.01)


def test_glide_is_followed_at_its_time() -> None:
    sample_rate = 48_000
    contour = 300.0 * 2 ** (np.arange(sample_rate) / sample_rate)
    track = track_pitch(tone(contour, sample_rate), sample_rate)
    inner = slice(8, -8)
    truth = np.interp(track.times_s, np.arange(sample_rate) / sample_rate, contour)
    assert np.abs(cents_between(truth, track.f0_hz))[inner].max() < 25


def test_noise_is_not_voiced() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.1
    assert track_pitch(noise, 16_000).voiced.mean() < 0.05


def test_level_does_not_matter() -> None:
    loud = tone(np.full(8_000, 330.0), 16_000)
    a, b = track_pitch(loud, 16_000), track_pitch(loud * 1e-3, 16_000)
    np.testing.assert_allclose(a.f0_hz, b.f0_hz, rtol=1e-4)


def test_path_drops_a_lone_wrong_frame_and_keeps_a_leap() -> None:
    activations = np.full((40, PITCH_BINS), 1e-3)
    activations[:20, 100] = 0.9
    activations[20:, 160] = 0.9
    activations[10] = 1e-3
    activations[10, 220], activations[10, 100] = 0.5, 0.3
    path = _likeliest_path(activations)
    assert (path[:20] == 100).all()
    assert (path[20:] == 160).all()


def test_full_network_agrees_with_tiny_on_a_tone() -> None:
    audio = tone(np.full(1600, 440.0), 16_000)
    track = track_pitch(audio, 16_000, model="full")
    assert np.abs(cents_between(np.full(len(track.f0_hz), 440.0), track.f0_hz))[4:-4].max() < 10


def test_unknown_model_and_bad_audio_are_refused() -> None:
    with pytest.raises(ShapeError, match="allowed tiny or full"):
        load_crepe("huge")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="one channel"):
        track_pitch(np.zeros((2, 100)), 16_000)
    with pytest.raises(ShapeError, match="NaN"):
        track_pitch(np.array([0.0, np.nan]), 16_000)


def test_perfect_shifted_and_octave_contours() -> None:
    reference = np.linspace(200.0, 800.0, 100)
    shift = lambda cents: reference * 2 ** (cents / 1200)  # noqa: E731
    assert raw_pitch_accuracy(reference, reference) == 1.0
    assert raw_pitch_accuracy(reference, shift(49.9)) == 1.0
    assert raw_pitch_accuracy(reference, shift(-50.1)) == 0.0
    assert raw_pitch_accuracy(reference, shift(1200)) == 0.0
    assert raw_pitch_accuracy(reference, shift(1200), octave_free=True) == 1.0
    assert raw_pitch_accuracy(reference, shift(-2440), octave_free=True) == 1.0
    assert raw_pitch_accuracy(reference, shift(600), octave_free=True) == 0.0


def test_error_of_exactly_the_tolerance_counts_as_wrong() -> None:
    assert raw_pitch_accuracy([440.0], [880.0], cents=1200.0) == 0.0
    assert raw_pitch_accuracy([440.0], [880.0], cents=1200.001) == 1.0


def test_only_voiced_frames_count() -> None:
    reference, estimate = np.array([440.0, 440.0, 0.0, 440.0]), np.array([440.0, 100.0, 440.0, 0.0])
    assert raw_pitch_accuracy(reference, estimate) == pytest.approx(1 / 3)
    assert raw_pitch_accuracy(reference, estimate, voiced=[True, False, True, False]) == 1.0
    assert np.isnan(raw_pitch_accuracy(np.zeros(3), np.ones(3)))


def test_contours_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match="one length"):
        raw_pitch_accuracy([440.0], [440.0, 441.0])


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_is_a_share_of_cents_within_the_tolerance(seed: int) -> None:
    generator = np.random.default_rng(seed)
    reference = 440.0 * 2 ** (generator.uniform(-2, 2, 400))
    cents = generator.normal(0, 50, 400) + 1200 * generator.integers(-1, 2, 400)
    estimate = reference * 2 ** (cents / 1200)
    reference[generator.random(400) < 0.2] = 0.0
    estimate[generator.random(400) < 0.2] = 0.0
    judged, sounding = reference > 0, estimate > 0
    near = sounding & (np.abs(cents) < 50)
    near_in_some_octave = sounding & (np.abs(cents - 1200 * np.round(cents / 1200)) < 50)
    assert raw_pitch_accuracy(reference, estimate) == pytest.approx(near[judged].mean())
    in_chroma = raw_pitch_accuracy(reference, estimate, octave_free=True)
    assert in_chroma == pytest.approx(near_in_some_octave[judged].mean())


def test_silent_estimate_is_wrong_everywhere() -> None:
    assert raw_pitch_accuracy([440.0, 440.0], [0.0, np.nan]) == 0.0
