"""Straightness of codes, and which factor moves which dimension, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from latentfx.errors import ShapeError
from latentfx.training.metrics.linearity import (
    augmentation_ratio,
    linear_errors,
    query_precision,
    r2,
    standardised_error,
)


def test_r2_of_one_dimension_is_the_squared_correlation() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=50)
    pitch = -3.0 * z + rng.normal(size=50)
    assert r2(z, pitch) == pytest.approx(pearsonr(z, pitch)[0] ** 2)
    assert r2(z, 60.0 - 7.0 * z) == pytest.approx(1.0)


def test_a_code_that_does_not_move_explains_nothing() -> None:
    pitch = np.arange(10.0)
    assert r2(np.ones(10), pitch) == pytest.approx(0.0)
    assert r2(pitch, np.ones(10)) == 0.0


def test_turned_and_stretched_coordinates_are_read_without_error_and_noise_with_error_one() -> None:
    rng = np.random.default_rng(0)
    places = rng.normal(size=(4000, 3))
    codes = places @ rng.normal(size=(3, 3)) + 5.0
    assert linear_errors(codes, places) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)
    assert linear_errors(rng.normal(size=(4000, 3)), places) == pytest.approx((1.0, 1.0, 1.0), abs=0.01)


def test_own_statistics_forgive_a_shift_and_those_of_the_target_do_not() -> None:
    target = np.random.default_rng(0).normal(size=(100, 1))
    shifted = 2.0 * target + 1.0
    assert standardised_error(shifted, target, own=True) == pytest.approx(0.0, abs=1e-12)
    assert standardised_error(shifted, target) > 1.0


def grid(content: float, style: float) -> np.ndarray:
    """4 instruments at 6 pitches: one dimension of content, two of style."""
    rng = np.random.default_rng(0)
    codes = 0.01 * rng.normal(size=(4, 6, 3))
    codes[..., 0] += np.arange(6.0) + content * np.arange(4.0)[:, None]
    codes[..., 1:] += style * rng.normal(size=(4, 1, 2))
    return codes


def test_style_that_alone_follows_the_instrument_gives_a_small_ratio_and_full_precision() -> None:
    codes = grid(content=0.0, style=1.0)
    assert augmentation_ratio(codes, 1) < 0.05
    found = query_precision(codes, 1)
    assert (found.style, found.content) == (1.0, 1.0)
    assert (found.random_style, found.random_content) == pytest.approx((2 / 3, 1 / 3))


def test_content_that_follows_the_instrument_gives_a_larger_ratio() -> None:
    assert augmentation_ratio(grid(content=2.0, style=1.0), 1) > 5 * augmentation_ratio(grid(0.0, 1.0), 1)


def test_precision_is_the_share_of_dimensions_that_are_what_they_were_taken_for() -> None:
    """The content varies more over instruments than one of the two style dimensions does."""
    codes = np.zeros((2, 2, 3))
    codes[..., 0] = [[0.0, 1.0], [4.0, 5.0]]
    codes[..., 1] = [[0.0, 0.0], [1.0, 1.0]]
    codes[..., 2] = [[0.0, 1.0], [0.0, 1.0]]
    found = query_precision(codes, 1)
    assert found.style == 0.5
    assert found.content == 0.0


@pytest.mark.parametrize(("shape", "content"), [((1, 5, 3), 1), ((4, 5, 3), 3), ((20, 3), 1)])
def test_grids_without_instruments_or_style_are_refused(shape: tuple[int, ...], content: int) -> None:
    with pytest.raises(ShapeError, match="2 instruments"):
        augmentation_ratio(np.zeros(shape), content)
