from __future__ import annotations

import numpy as np
import pytest

from latentfx.sound.level import frame_levels_db, set_level
from latentfx.training.data.acoustics import add_noise, reverberate

RATE = 16000


def burst() -> np.ndarray:
    """0.5 s of noise, then 1.5 s of silence."""
    audio = np.zeros(2 * RATE, dtype=np.float32)
    audio[: RATE // 2] = 0.01 * np.random.default_rng(0).standard_normal(RATE // 2)
    return audio


def test_level_is_set_by_the_sounding_part_alone() -> None:
    levelled = set_level(burst(), RATE)
    assert 20 * np.log10(np.std(levelled[: RATE // 2])) == pytest.approx(-20.0, abs=0.2)


def test_peaks_do_not_clip_and_silence_stays_silent() -> None:
    clicks = np.zeros(RATE, dtype=np.float32)
    clicks[::500] = 1e-3
    assert np.max(np.abs(set_level(clicks, RATE, level_db=-3.0))) == pytest.approx(0.98, abs=1e-3)
    assert not np.any(set_level(np.zeros(RATE, dtype=np.float32), RATE))


@pytest.mark.parametrize("seed", range(6))
def test_a_room_adds_a_tail_that_dies_and_leaves_the_direct_sound(seed: int) -> None:
    impulse = np.zeros(2 * RATE, dtype=np.float32)
    impulse[100] = 1.0
    wet = reverberate(impulse, RATE, np.random.default_rng(seed))
    assert len(wet) == len(impulse)
    assert np.max(np.abs(wet[:100])) < 1e-6
    assert wet[100] == pytest.approx(1.0, abs=1e-5)
    tail = wet.copy()
    tail[100] = 0.0
    assert -30.5 < 10 * np.log10(np.sum(tail**2)) < -9.5
    assert not np.any(np.abs(tail[round(0.95 * RATE) :]) > 1e-6)


def test_noise_lies_at_its_level() -> None:
    for seed in range(5):
        noise = add_noise(np.zeros(RATE, dtype=np.float32), np.random.default_rng(seed))
        assert -65.5 < 20 * np.log10(np.std(noise)) < -49.5


def test_frame_levels_are_rms_in_decibels_without_the_last_part_frame() -> None:
    audio = np.concatenate([np.full(100, 0.1), np.full(100, 1.0), np.ones(50)]).astype(np.float32)
    np.testing.assert_allclose(frame_levels_db(audio, 100), [-20.0, 0.0], atol=1e-4)
