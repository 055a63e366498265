"""How far a score moves when the data is drawn again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Score = Callable[[Float64, Float64], float]
Scores = Callable[[Float64, Float64], Mapping[str, float]]


@dataclass(frozen=True)
class Interval:
    """A score, and the middle of what it gives on resampled data.

    Args:
        value: on all of the data.
        low, high: ends of the interval.
    """

    value: float
    low: float
    high: float


def bootstrap(
    score: Score, factors: Float64, codes: Float64, draws: int = 200, seed: int = 0, share: float = 0.95
) -> Interval:
    """Percentile interval of a score over rows drawn with replacement; see `bootstrap_all`.

    Shape:
        factors [n, F], codes [n, D]
    """
    return bootstrap_all(lambda f, c: {"": score(f, c)}, factors, codes, draws, seed, share)[""]


def bootstrap_all(
    scores: Scores, factors: Float64, codes: Float64, draws: int = 200, seed: int = 0, share: float = 0.95
) -> dict[str, Interval]:
    """Percentile intervals of several scores over the same resampled rows.

    Resampling repeats rows, which raises information a little: read the width, not the centre.

    Args:
        scores: (factors, codes) -> numbers by name.
        draws: resampled data sets.
        seed: of the draws.
        share: of the draws that lie in an interval.
    Shape:
        factors [n, F], codes [n, D]
    """
    rng = np.random.default_rng(seed)
    rows = (rng.integers(len(factors), size=len(factors)) for _ in range(draws))
    return interval_of(scores(factors, codes), [scores(factors[row], codes[row]) for row in rows], share)


def interval_of(
    whole: Mapping[str, float], drawn: list[Mapping[str, float]], share: float = 0.95
) -> dict[str, Interval]:
    """Join scores of all of the data with those of resampled data.

    Args:
        whole: scores of all of the data.
        drawn: the same scores of each resampled data set, one or more.
        share: of the draws that lie in an interval.
    """
    ends = [(1.0 - share) / 2.0, (1.0 + share) / 2.0]
    found = {}
    for name, value in whole.items():
        low, high = np.quantile([scores[name] for scores in drawn], ends)
        found[name] = Interval(value, float(low), float(high))
    return found
