"""Each score equals an independent form of it, and says of plain cases what it must."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mutual_info_score

from latentfx.errors import ShapeError
from latentfx.training.metrics.bootstrap import bootstrap
from latentfx.training.metrics.disentanglement import (
    all_scores,
    dci,
    dcimig,
    information,
    jemmig,
    mig,
    modularity,
    sap,
)
from latentfx.training.metrics.importance import measure_dci

Float64 = NDArray[np.float64]


def bins_of(column: Float64, bins: int) -> list[int]:
    low, high = float(column.min()), float(column.max())
    return [min(int((value - low) / (high - low) * bins), bins - 1) for value in column.tolist()]


def bits(symbols: list[object]) -> float:
    return -sum(n / len(symbols) * math.log2(n / len(symbols)) for n in Counter(symbols).values())


class ByHand:
    """The same quantities from lists of symbols, one pair at a time, by the words of the definitions."""

    def __init__(self, factors: Float64, codes: Float64, bins: int) -> None:
        self.f = [bins_of(column, bins) for column in factors.T]
        self.c = [bins_of(column, bins) for column in codes.T]
        self.mutual = [[mutual_info_score(f, c) / math.log(2) for c in self.c] for f in self.f]

    def mig(self, by_code: bool) -> float:
        gaps = []
        for f, row in zip(self.f, self.mutual, strict=True):
            shares = sorted(m / (bits(c) if by_code else bits(f)) for m, c in zip(row, self.c, strict=True))
            gaps.append(shares[-1] - shares[-2])
        return sum(gaps) / len(gaps)

    def dcimig(self) -> float:
        best: dict[int, float] = {}
        for column in zip(*self.mutual, strict=True):
            owner = max(range(len(column)), key=column.__getitem__)
            first, second = sorted(column, reverse=True)[:2]
            best[owner] = max(best.get(owner, 0.0), first - second)
        return sum(best.values()) / sum(bits(f) for f in self.f)

    def jemmig(self, bins: int) -> float:
        values = []
        for f, row in zip(self.f, self.mutual, strict=True):
            c = max(range(len(row)), key=row.__getitem__)
            joint = bits(list(zip(f, self.c[c], strict=True)))
            second = sorted(row)[-2]
            values.append(1 - (joint - row[c] + second) / (bits(f) + math.log2(bins)))
        return sum(values) / len(values)

    def modularity(self) -> float:
        values = []
        for column in zip(*self.mutual, strict=True):
            squares = sorted(m * m for m in column)
            values.append(1 - sum(squares[:-1]) / (squares[-1] * (len(squares) - 1)))
        return sum(values) / len(values)


@pytest.mark.parametrize(("seed", "bins"), list(itertools.product(range(4), (5, 10))))
def test_every_score_equals_its_definition_written_out_by_hand(seed: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(500, 3))
    codes = factors @ rng.normal(size=(3, 6)) + rng.normal(size=(500, 6))
    found, by_hand = information(factors, codes, bins, bins), ByHand(factors, codes, bins)
    assert found.mutual == pytest.approx(np.array(by_hand.mutual), abs=1e-9)
    assert mig(found) == pytest.approx(by_hand.mig(by_code=False), abs=1e-9)
    assert mig(found, "code") == pytest.approx(by_hand.mig(by_code=True), abs=1e-9)
    assert dcimig(found) == pytest.approx(by_hand.dcimig(), abs=1e-9)
    assert jemmig(found, bins) == pytest.approx(by_hand.jemmig(bins), abs=1e-9)
    assert modularity(found) == pytest.approx(by_hand.modularity(), abs=1e-9)


def test_sap_is_the_gap_between_the_fits_of_straight_lines() -> None:
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(300, 2))
    codes = factors @ rng.normal(size=(2, 4)) + rng.normal(size=(300, 4))
    gaps = []
    for factor in factors.T:
        fits = sorted(
            LinearRegression().fit(code[:, None], factor).score(code[:, None], factor) for code in codes.T
        )
        gaps.append(fits[-1] - fits[-2])
    assert sap(factors, codes) == pytest.approx(float(np.mean(gaps)), abs=1e-9)


def grid() -> Float64:
    return np.array(list(itertools.product(range(10), range(10), range(10))), dtype=np.float64)


def test_codes_that_are_the_factors_have_every_score_at_its_best() -> None:
    factors = grid()
    scores = all_scores(factors, np.column_stack([factors, np.zeros(len(factors))]))
    for name, value in scores.items():
        best = 0.75 if name == "modularity" else 1.0  # one code of four tells nothing
        assert value == pytest.approx(best), name
    exact = measure_dci(factors, factors, trees=10)
    assert exact.disentanglement > 0.99
    assert exact.completeness > 0.99
    assert exact.informativeness > 0.99


def test_two_codes_that_share_a_factor_have_no_gap() -> None:
    factors = grid()
    twice = np.column_stack([factors, factors])
    scores = all_scores(factors, twice)
    assert scores["mig"] == pytest.approx(0.0)
    assert scores["sap"] == pytest.approx(0.0)
    assert scores["modularity"] == pytest.approx(1.0)


def test_codes_of_noise_tell_of_nothing() -> None:
    rng = np.random.default_rng(0)
    factors, codes = grid(), rng.normal(size=(1000, 5))
    scores = all_scores(factors, codes)
    assert max(scores["mig"], scores["sap"], scores["dcimig"]) < 0.05
    assert measure_dci(factors, codes, trees=10).informativeness < 0.05


def test_exchanging_factors_and_codes_gives_other_scores() -> None:
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(400, 2))
    codes = factors @ rng.normal(size=(2, 5)) + 0.5 * rng.normal(size=(400, 5))
    assert abs(all_scores(factors, codes)["mig"] - all_scores(codes, factors)["mig"]) > 0.01


def test_importance_that_is_spread_evenly_scores_nothing_and_on_one_code_all() -> None:
    assert dci(np.ones((3, 4))) == pytest.approx((0.0, 0.0))
    assert dci(np.eye(3)) == pytest.approx((1.0, 1.0))
    assert dci(np.zeros((3, 4))) == (0.0, 0.0)


def test_an_interval_holds_its_value_and_shrinks_with_more_rows() -> None:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(2000, 2))
    codes = factors + 0.3 * rng.normal(size=(2000, 2))
    few, many = (bootstrap(sap, factors[:n], codes[:n], draws=50) for n in (100, 2000))
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low


def test_a_column_that_never_changes_is_no_error_and_one_that_is_not_finite_is() -> None:
    factors, codes = np.random.default_rng(0).normal(size=(2, 50, 3))
    codes[:, 1] = 4.0
    assert all(math.isfinite(value) for value in all_scores(factors, codes).values())
    codes[3, 0] = np.nan
    with pytest.raises(ShapeError, match="not finite"):
        information(factors, codes)
    with pytest.raises(ShapeError, match="wanted"):
        information(factors[:10], codes)
