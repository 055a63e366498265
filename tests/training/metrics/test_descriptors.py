"""Descriptors say of plain tones what their makers put in."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import ShapeError
from latentfx.training.data.sources.waveforms import Tone, play
from latentfx.training.metrics.descriptors import describe_spectrum, rank_correlation

RATE = 16_000


def power(shape: str, amplitude: float = 0.5, frequency: float = 500.0) -> NDArray[np.float64]:
    wave = play(Tone(shape, amplitude, frequency), RATE, 0.512, bandlimited=True)
    return np.abs(np.fft.rfft(wave[:8000] * np.hanning(8000))) ** 2


@pytest.mark.parametrize("shape", ["sine", "triangle", "sawtooth", "square"])
@pytest.mark.parametrize("frequency", [217.0, 500.0, 1301.0])
def test_the_strongest_partial_is_the_fundamental_to_a_thousandth(shape: str, frequency: float) -> None:
    found = describe_spectrum(power(shape, frequency=frequency), RATE)
    assert found["frequency_hz"] == pytest.approx(frequency, rel=1e-3)


def test_twice_the_amplitude_is_six_decibels_more_and_nothing_else() -> None:
    soft, loud = (describe_spectrum(power("sawtooth", amplitude), RATE) for amplitude in (0.3, 0.6))
    assert loud["level_db"] - soft["level_db"] == pytest.approx(6.02, abs=0.01)
    for name in ("frequency_hz", "centroid_hz", "odd_even_db"):
        assert loud[name] == pytest.approx(soft[name], rel=1e-3)


def test_a_square_has_no_even_partials_a_sawtooth_has_and_is_brighter_than_a_triangle() -> None:
    sounds = {shape: describe_spectrum(power(shape), RATE) for shape in ("triangle", "sawtooth", "square")}
    assert sounds["square"]["odd_even_db"] > 30.0
    assert 3.0 < sounds["sawtooth"]["odd_even_db"] < 8.0
    assert sounds["sawtooth"]["centroid_hz"] > 1.5 * sounds["triangle"]["centroid_hz"]


def test_where_no_even_partial_fits_below_half_the_rate_odd_over_even_is_unknown() -> None:
    assert np.isnan(describe_spectrum(power("sine", frequency=5000.0), RATE)["odd_even_db"])
    with pytest.raises(ShapeError, match="8 bins or more"):
        describe_spectrum(np.zeros((2, 9)), RATE)


def test_rank_correlation_is_one_for_what_rises_together_and_passes_over_unknown_rows() -> None:
    x = np.arange(10.0)
    y = np.exp(x)
    y[4] = np.nan
    assert rank_correlation(x, y) == pytest.approx(1.0)
    assert rank_correlation(x, -y) == pytest.approx(-1.0)
    assert rank_correlation(x, np.ones(10)) == 0.0
