"""The properties of a line are those of tones that are made from them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import ShapeError
from latentfx.training.metrics.tones import describe_tone

RATE = 48_000


def line(f0_hz: float, levels: list[float], gain: float = 0.1, noise: float = 0.0) -> NDArray[np.float32]:
    times = np.arange(RATE // 2) / RATE
    wave = sum(a * np.sin(2 * np.pi * f0_hz * k * times + k) for k, a in enumerate(levels, 1))
    rng = np.random.default_rng(0)
    return np.asarray(gain * wave + noise * rng.standard_normal(len(times)), dtype=np.float32)


def test_pitch_and_level_move_by_what_they_were_moved_and_alone() -> None:
    levels = [1.0, 0.5, 0.3, 0.2, 0.1]
    one, higher, louder = (
        describe_tone(audio, RATE)
        for audio in (line(220.0, levels), line(440.0, levels), line(220.0, levels, gain=0.2))
    )
    assert one["pitch"] == pytest.approx(-12.0, abs=0.1)
    assert higher["pitch"] == pytest.approx(0.0, abs=0.1)
    assert higher["brightness"] == pytest.approx(one["brightness"], abs=0.3)
    assert louder["level"] - one["level"] == pytest.approx(6.02, abs=0.05)
    assert louder["odd_even"] == pytest.approx(one["odd_even"], abs=0.05)


def test_brightness_is_the_mean_number_of_the_partials_in_semitones() -> None:
    found = describe_tone(line(300.0, [1.0, 1.0, 1.0]), RATE)
    assert found["brightness"] == pytest.approx(12.0, abs=0.2)


def test_odd_over_even_is_a_ratio_of_powers_and_breath_the_noise_between_partials() -> None:
    levels = [1.0, 0.1, 1.0, 0.1]
    clear, breathy = (describe_tone(line(300.0, levels, noise=noise), RATE) for noise in (1e-3, 1e-2))
    assert clear["odd_even"] == pytest.approx(16.9, abs=0.3)
    assert breathy["breath"] - clear["breath"] == pytest.approx(20.0, abs=1.0)


def test_silence_has_no_properties_and_a_click_is_too_short() -> None:
    assert all(np.isnan(value) for value in describe_tone(np.zeros(RATE, np.float32), RATE).values())
    with pytest.raises(ShapeError, match="8192 samples or more"):
        describe_tone(np.zeros(100, np.float32), RATE)
