"""DCI's predictors: how much a forest uses each code to tell a factor, and how well it tells it.

A factor with few distinct values is a class, any other a number.

Source: Eastwood & Williams, "A framework for the quantitative evaluation of disentangled representations",
2018, with random forests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from latentfx.errors import ShapeError
from latentfx.training.metrics.bootstrap import Interval, interval_of
from latentfx.training.metrics.disentanglement import dci

Float64 = NDArray[np.float64]

MOST_CLASSES = 12


@dataclass(frozen=True)
class DCI:
    """Figures of one representation; each is 1 at best.

    Args:
        disentanglement: each code tells of one factor alone.
        completeness: each factor is told by one code alone.
        informativeness: mean over the factors of R2, or of accuracy above chance as a share, on held-out
            rows.
        importance: how much the predictor of each factor uses each code.
    Shape:
        importance [F, D]
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Float64


def measure_dci(
    factors: Float64, codes: Float64, seed: int = 0, trees: int = 50, held_out: float = 0.25
) -> DCI:
    """Fit a predictor of each factor to some of the rows, and try it on the rest.

    Args:
        seed: of the split and the forests.
        trees: of each forest.
        held_out: share of the rows that it is tried on.
    Shape:
        factors [n, F], codes [n, D]
    Raises:
        ShapeError: fewer than 8 rows, or lengths that differ.
    """
    _check(factors, codes)
    order = np.random.default_rng(seed).permutation(len(codes))
    tested, fitted = np.split(order, [max(2, round(held_out * len(codes)))])
    return _measure(factors, codes, fitted, tested, seed, trees)


def bootstrap_dci(
    factors: Float64, codes: Float64, draws: int = 20, seed: int = 0, trees: int = 50
) -> dict[str, Interval]:
    """The three figures, and intervals of them on resampled data.

    Each draw fits predictors to rows drawn with replacement, and tries them on the rows that were not drawn.

    Args:
        draws: resampled data sets.
        seed: of the draws, the split and the forests.
        trees: of each forest.
    Returns:
        by name: `dci_disentanglement`, `dci_completeness`, `dci_informativeness`.
    Shape:
        factors [n, F], codes [n, D]
    Raises:
        ShapeError: fewer than 8 rows, or lengths that differ.
    """
    _check(factors, codes)
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(draws):
        fitted = rng.integers(len(codes), size=len(codes))
        tested = np.setdiff1d(np.arange(len(codes)), fitted)
        drawn.append(_named(_measure(factors, codes, fitted, tested, seed, trees)))
    return interval_of(_named(measure_dci(factors, codes, seed, trees)), drawn)


def _named(found: DCI) -> Mapping[str, float]:
    names = ("disentanglement", "completeness", "informativeness")
    return {f"dci_{name}": getattr(found, name) for name in names}


def _check(factors: Float64, codes: Float64) -> None:
    if len(factors) != len(codes) or len(codes) < 8:
        raise ShapeError(
            f"there are {len(factors)} rows of factors and {len(codes)} of codes; wanted 8 or more"
        )


def _measure(
    factors: Float64,
    codes: Float64,
    fitted: NDArray[np.int64],
    tested: NDArray[np.int64],
    seed: int,
    trees: int,
) -> DCI:
    rows, scores = [], []
    for column in factors.T:
        importance, score = _predict(column, codes, fitted, tested, seed, trees)
        rows.append(importance)
        scores.append(score)
    importance = np.array(rows)
    return DCI(*dci(importance), float(np.mean(scores)), importance)


def _predict(
    factor: Float64,
    codes: Float64,
    fitted: NDArray[np.int64],
    tested: NDArray[np.int64],
    seed: int,
    trees: int,
) -> tuple[Float64, float]:
    values, numbers = np.unique(factor, return_inverse=True)
    if len(values) < 2:
        return np.zeros(codes.shape[1]), 0.0
    is_class = len(values) <= MOST_CLASSES
    kind = RandomForestClassifier if is_class else RandomForestRegressor
    forest = kind(trees, min_samples_leaf=2, max_features=None, random_state=seed, n_jobs=1)
    target = numbers if is_class else factor
    forest.fit(codes[fitted], target[fitted])
    score = float(forest.score(codes[tested], target[tested]))
    if is_class:
        chance = float(np.bincount(numbers[tested]).max() / len(tested))
        score = (score - chance) / (1.0 - chance) if chance < 1.0 else 0.0
    return np.asarray(forest.feature_importances_), max(score, 0.0)
