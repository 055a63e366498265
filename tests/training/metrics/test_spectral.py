"""Distances between signals whose true distance is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import ShapeError
from latentfx.training.metrics.spectral import (
    log_spectral_distance,
    loudness_correlation,
    loudness_db,
    spectral_convergence,
)

SAMPLE_RATE = 48_000
Float64 = NDArray[np.float64]


@pytest.fixture
def noise() -> Float64:
    return np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 0.1


@pytest.mark.parametrize("gain_db", [-6.0, -0.5, 0.0, 3.0])
def test_distance_of_a_gain_is_the_gain(noise: Float64, gain_db: float) -> None:
    distance = log_spectral_distance(noise, noise * 10 ** (gain_db / 20), floor_db=-200.0)
    assert distance == pytest.approx(abs(gain_db), abs=1e-3)


def test_error_below_the_floor_costs_nothing(noise: Float64) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    assert log_spectral_distance(tone, tone + noise * 1e-4) < 0.1
    assert log_spectral_distance(tone, tone + noise) > 10


def test_silence_costs_the_height_above_the_floor() -> None:
    click = np.zeros(4096)
    click[1024] = 1.0
    assert log_spectral_distance(click, np.zeros(4096), floor_db=-40.0) == pytest.approx(40.0, abs=8.0)
    assert np.isnan(log_spectral_distance(np.zeros(4096), click))


def test_convergence_of_a_gain_is_known(noise: Float64) -> None:
    assert spectral_convergence(noise, noise * 0.9) == pytest.approx(-20.0, abs=1e-6)
    assert spectral_convergence(noise, np.zeros_like(noise)) == pytest.approx(0.0, abs=1e-9)
    assert spectral_convergence(noise, noise) == -np.inf
    assert np.isnan(spectral_convergence(np.zeros(10), np.ones(10)))


def test_loudness_correlation_ignores_gain_and_notices_the_wrong_shape(noise: Float64) -> None:
    swell = noise * np.linspace(0.01, 1.0, len(noise))
    other = np.random.default_rng(1).standard_normal(len(noise)) * np.linspace(0.01, 1.0, len(noise))
    assert loudness_correlation(swell, swell * 0.1, SAMPLE_RATE) == pytest.approx(1.0)
    assert loudness_correlation(swell, other, SAMPLE_RATE) > 0.9
    assert loudness_correlation(swell, swell[::-1], SAMPLE_RATE) < -0.7
    assert np.isnan(loudness_correlation(swell, np.zeros_like(swell), SAMPLE_RATE))


def test_loudness_hears_one_kilohertz_better_than_a_hundred_hertz() -> None:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    low, high = np.sin(2 * np.pi * 100 * times[: SAMPLE_RATE // 2]), np.sin(2 * np.pi * 1000 * times[24_000:])
    level = loudness_db(np.concatenate([low, high]), SAMPLE_RATE)
    assert level[-10:].mean() - level[:10].mean() == pytest.approx(19.1, abs=1.0)


@pytest.mark.parametrize(
    ("f0_hz", "weight_db"), [(100.0, -19.1), (500.0, -3.2), (2000.0, 1.2), (8000.0, -1.1)]
)
def test_loudness_follows_the_a_curve_of_iec_61672(f0_hz: float, weight_db: float) -> None:
    times = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    two = np.concatenate([np.sin(2 * np.pi * f0_hz * times), np.sin(2 * np.pi * 1000 * times)])
    level = loudness_db(two, SAMPLE_RATE)
    assert level[5:40].mean() - level[-40:-5].mean() == pytest.approx(weight_db, abs=0.4)


@pytest.mark.parametrize("metric", [log_spectral_distance, spectral_convergence])
def test_signals_of_different_lengths_are_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ShapeError, match="one length"):
        metric(np.zeros(10), np.zeros(11))
