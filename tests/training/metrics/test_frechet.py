"""The Fréchet distance against closed forms and scipy's matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from latentfx.errors import ShapeError
from latentfx.training.metrics.frechet import frechet_distance, gaussian_frechet_distance


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_diagonal_gaussians_have_a_closed_form(generator: np.random.Generator) -> None:
    mean_1, mean_2 = generator.standard_normal((2, 16))
    scale_1, scale_2 = generator.uniform(0.1, 3.0, (2, 16))
    expected = np.sum((mean_1 - mean_2) ** 2) + np.sum((scale_1 - scale_2) ** 2)
    found = gaussian_frechet_distance(mean_1, np.diag(scale_1**2), mean_2, np.diag(scale_2**2))
    assert found == pytest.approx(expected, rel=1e-10)


def test_distance_agrees_with_scipys_matrix_square_root(generator: np.random.Generator) -> None:
    a = generator.standard_normal((200, 12)) @ generator.standard_normal((12, 12))
    b = generator.standard_normal((150, 12)) @ generator.standard_normal((12, 12)) + 1.0
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    cross = np.trace(scipy.linalg.sqrtm(s1 @ s2)).real
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s1) + np.trace(s2) - 2 * cross
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_distance_is_zero_to_itself_symmetric_and_squared_for_a_shift(generator: np.random.Generator) -> None:
    a, b = generator.standard_normal((50, 8)), generator.standard_normal((60, 8)) * 2
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a + 3.0) == pytest.approx(8 * 9.0, rel=1e-9)


def test_fewer_vectors_than_dimensions_stay_finite(generator: np.random.Generator) -> None:
    few, other = generator.standard_normal((5, 128)), generator.standard_normal((7, 128))
    s1, s2 = np.cov(few, rowvar=False), np.cov(other, rowvar=False)
    bound = np.sum((few.mean(0) - other.mean(0)) ** 2) + np.trace(s1) + np.trace(s2)
    assert 0 < frechet_distance(few, other) < bound


def test_clouds_of_other_shapes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"N, M > 1"):
        frechet_distance(np.zeros((1, 4)), np.zeros((5, 4)))
    with pytest.raises(ShapeError):
        frechet_distance(np.zeros((5, 4)), np.zeros((5, 3)))
