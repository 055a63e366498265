"""The grid of waveforms is SynTone's, and a band-limited one holds nothing above half the sample rate."""

from __future__ import annotations

import numpy as np
import pytest

from latentfx.errors import RecipeError
from latentfx.training.data import load_data
from latentfx.training.data.sources.waveforms import SHAPES, Tone, Waveforms, play

RATE = 16_000


def test_the_grid_of_the_paper_has_32000_tones_frequency_outermost_then_amplitude_then_shape() -> None:
    grid = Waveforms().grid()
    assert len(grid) == 32_000
    assert [tone.shape for tone in grid[:5]] == [*SHAPES, "sine"]
    assert (grid[0].frequency_hz, grid[-1].frequency_hz) == (440.0, 8000.0)
    assert (grid[0].amplitude, grid[4].amplitude) == pytest.approx((0.1, 0.1 + 0.9 / 19))
    assert grid[80].frequency_hz == pytest.approx(440.0 + 7560.0 / 399)


@pytest.mark.parametrize("bandlimited", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_low_tone_has_the_shape_that_its_name_says(shape: str, bandlimited: bool) -> None:
    wave = play(Tone(shape, 0.5, 100.0), RATE, 1.0, bandlimited)
    turn = (100.0 * np.linspace(0.0, 1.0, RATE)) % 1.0
    ideal = {
        "sine": np.sin(2 * np.pi * turn),
        "square": np.where(turn < 0.5, 1.0, -1.0),
        "sawtooth": 2.0 * turn - 1.0,
        "triangle": 1.0 - 2.0 * np.abs(2.0 * turn - 1.0),
    }[shape]
    assert np.sqrt(np.mean((wave - 0.5 * ideal) ** 2)) < 0.06
    assert len(wave) == RATE


@pytest.mark.parametrize("shape", ["triangle", "sawtooth", "square"])
def test_a_bandlimited_tone_has_no_partials_between_its_harmonics(shape: str) -> None:
    def between(bandlimited: bool) -> float:
        wave = play(Tone(shape, 1.0, 1701.0), RATE, 1.0, bandlimited)
        power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
        harmonics = 1701.0 * np.arange(1, 5)
        away = np.min(np.abs(np.arange(len(power))[:, None] - harmonics), axis=1) > 30
        return float(power[away].sum() / power.sum())

    assert between(bandlimited=True) < 1e-6 < between(bandlimited=False)


def test_examples_have_labels_by_factor_and_each_is_on_one_side() -> None:
    part = {"kind": "waveforms", "frequencies": 5, "amplitudes": 3, "seconds": 0.1}
    data = load_data({"validation": 0.2, "parts": [part]}, RATE, seed=7)
    again = load_data({"validation": 0.2, "parts": [part]}, RATE, seed=7)
    assert (len(data.train), len(data.validation)) == (48, 12)
    assert {e.source for e in data.train} | {e.source for e in data.validation} == {
        f"waveforms-0/{i}" for i in range(60)
    }
    for side, other in ((data.train, again.train), (data.validation, again.validation)):
        for example, same in zip(side, other, strict=True):
            assert np.array_equal(example.audio, same.audio)
            amplitude = float(np.abs(example.audio).max())
            assert amplitude <= float(example.labels["amplitude"]) + 1e-6  # type: ignore[arg-type]
            assert example.labels["waveform"] in SHAPES


def test_a_shape_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(RecipeError, match="allowed sine, triangle, sawtooth, square"):
        Waveforms(shapes=("noise",))
