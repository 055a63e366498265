"""How well single codes stand for single factors: MIG, SAP, DCIMIG, JEMMIG, Modularity, DCI.

Conventions, the same for every function:

* `factors` [n, F] are true values, one column a factor; `codes` [n, D] one column a latent dimension. The two
  are not exchangeable. The reference code of SynTone calls its metrics with the two exchanged, so its
  published scores answer another question; `latentfx.training.evaluations` prints both.
* Codes are posterior means, unless a protocol asks for samples.
* For metrics of information, every column is cut into `bins` intervals of equal width between its smallest
  and its largest value. `factor_bins` None leaves a factor as it is: every distinct value is a bin.
  Entropies are in bits. Values depend on the number of bins: compare only what has the same.
* SAP treats every factor as a number, so for a class its value depends on the order of the classes.
* Every score is better when it is higher. JEMMIG as first published is an entropy, lower is better; here it
  is one minus that entropy over its largest value, as in the reference code.
* A column that never changes tells nothing: its information and its correlation are 0.

Sources: MIG, Chen et al. 2018; SAP, Kumar et al. 2018; DCIMIG, Sepliarskaia et al. 2019; JEMMIG, Do & Tran
2020; Modularity, Ridgeway & Mozer 2018; DCI, Eastwood & Williams 2018; closed forms as in Carbonneau et al.,
"Measuring disentanglement: a review of metrics", 2022.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]
Bins = NDArray[np.int64]
FactorBins = int | None | Sequence[int | None]

BINS = 10


@dataclass(frozen=True)
class Information:
    """What codes tell of factors, in bits.

    Args:
        mutual: information between each factor and each code.
        joint: entropy of each pair.
        of_factors, of_codes: entropies.
    Shape:
        mutual [F, D], joint [F, D], of_factors [F], of_codes [D]
    """

    mutual: Float64
    joint: Float64
    of_factors: Float64
    of_codes: Float64


def information(
    factors: Float64, codes: Float64, bins: int = BINS, factor_bins: FactorBins = BINS
) -> Information:
    """Measure what codes tell of factors.

    Args:
        bins: of each code.
        factor_bins: of each factor, one for all or one a factor; None takes every distinct value as a bin.
    Shape:
        factors [n, F], codes [n, D]
    Raises:
        ShapeError: the two differ in length, a value is not finite, or `factor_bins` has another length.
    """
    factors, codes = _checked(factors, codes)
    per_factor = factor_bins if isinstance(factor_bins, Sequence) else [factor_bins] * factors.shape[1]
    if len(per_factor) != factors.shape[1]:
        raise ShapeError(
            f"there are {len(per_factor)} factor_bins; wanted one for each of {factors.shape[1]}"
        )
    of_factors = [
        _numbered(column) if count is None else _cut(column, count)
        for column, count in zip(factors.T, per_factor, strict=True)
    ]
    of_codes = [_cut(column, bins) for column in codes.T]
    joint = np.array([[_entropy(_pairs(f, c)) for c in of_codes] for f in of_factors])
    h_factors, h_codes = (
        np.array([_entropy(f) for f in of_factors]),
        np.array([_entropy(c) for c in of_codes]),
    )
    mutual = np.maximum(h_factors[:, None] + h_codes[None] - joint, 0.0)
    return Information(mutual, joint, h_factors, h_codes)


def mig(found: Information, normaliser: Literal["factor", "code"] = "factor") -> float:
    """Mutual information gap: how much more the best code tells of a factor than the second best.

    Args:
        normaliser: what information is a share of: the entropy of the factor (as defined), or of the code
            (as in the reference code of SynTone).
    """
    if normaliser == "factor":
        shares = _over(found.mutual, found.of_factors[:, None])
    else:
        shares = _over(found.mutual, found.of_codes[None])
    return float(_gaps(shares).mean())


def sap(factors: Float64, codes: Float64) -> float:
    """Separated attribute predictability: the same gap in the R2 of a straight line from code to factor."""
    factors, codes = _checked(factors, codes)
    return float(_gaps(squared_correlations(factors, codes)).mean())


def dcimig(found: Information) -> float:
    """A gap on both sides: a code counts for its best factor, by what it tells more of it than of others."""
    best = found.mutual.argmax(axis=0)
    kept = np.zeros_like(found.mutual)
    columns = np.arange(kept.shape[1])
    kept[best, columns] = _gaps(found.mutual.T)
    return float(kept.max(axis=1).sum() / found.of_factors.sum()) if found.of_factors.sum() > 0.0 else 0.0


def jemmig(found: Information, bins: int = BINS) -> float:
    """One minus the joint entropy of a factor and its best code beyond what they share, as a share.

    Args:
        bins: of each code, as given to `information`.
    """
    rows = np.arange(len(found.mutual))
    best = found.mutual.argmax(axis=1)
    entropy = found.joint[rows, best] - _gaps(found.mutual)
    return float((1.0 - entropy / (found.of_factors + np.log2(bins))).mean())


def modularity(found: Information) -> float:
    """How near each code comes to telling of one factor alone; 0 for a code that tells nothing.

    Raises:
        ShapeError: one factor alone, from which nothing can be told apart.
    """
    count = len(found.mutual)
    if count < 2:
        raise ShapeError(f"there is {count} factor; modularity compares 2 or more")
    squares = found.mutual**2
    largest = squares.max(axis=0)
    rest = _over(squares.sum(axis=0) - largest, largest * (count - 1))
    return float(np.where(largest > 0.0, 1.0 - rest, 0.0).mean())


def dci(importance: Float64) -> tuple[float, float]:
    """Disentanglement and completeness.

    Args:
        importance: how much a predictor of each factor uses each code, 0 or more
            (`latentfx.training.metrics.importance` fits one).
    Returns:
        Disentanglement: one minus the entropy of each code over the factors, weighted by the code's
        importance. Completeness: one minus the entropy of each factor over the codes, weighted alike.
    Shape:
        importance [F, D]
    """
    total = importance.sum()
    if total <= 0.0:
        return 0.0, 0.0
    by_code = _even(importance.T) @ (importance.sum(axis=0) / total)
    by_factor = _even(importance) @ (importance.sum(axis=1) / total)
    return float(by_code), float(by_factor)


def squared_correlations(factors: Float64, codes: Float64) -> Float64:
    """R2 of every straight line from a code to a factor.

    Shape:
        factors [n, F], codes [n, D] -> [F, D]
    """
    f, c = factors - factors.mean(axis=0), codes - codes.mean(axis=0)
    power = (f**2).sum(axis=0)[:, None] * (c**2).sum(axis=0)[None]
    return _over((f.T @ c) ** 2, power)


def all_scores(
    factors: Float64, codes: Float64, bins: int = BINS, factor_bins: FactorBins = BINS
) -> Mapping[str, float]:
    """Every closed-form score by name; without `modularity` where there is one factor alone.

    Shape:
        factors [n, F], codes [n, D]
    """
    found = information(factors, codes, bins, factor_bins)
    scores = {
        "mig": mig(found),
        "mig_code": mig(found, "code"),
        "sap": sap(factors, codes),
        "dcimig": dcimig(found),
        "jemmig": jemmig(found, bins),
    }
    return scores | ({"modularity": modularity(found)} if len(found.mutual) > 1 else {})


def _checked(factors: Float64, codes: Float64) -> tuple[Float64, Float64]:
    factors, codes = np.asarray(factors, dtype=np.float64), np.asarray(codes, dtype=np.float64)
    if factors.ndim != 2 or codes.ndim != 2 or len(factors) != len(codes) or not len(factors):
        raise ShapeError(
            f"factors have the shape {factors.shape}, codes {codes.shape}; wanted [n, F] and [n, D], a row "
            "an example"
        )
    if not (np.isfinite(factors).all() and np.isfinite(codes).all()):
        raise ShapeError("a factor or a code is not finite; leave such rows out, or mend the model")
    return factors, codes


def _cut(column: Float64, bins: int) -> Bins:
    """Number of the interval of equal width that each value lies in; the largest value is in the last one."""
    low, high = column.min(), column.max()
    if high <= low:
        return np.zeros(len(column), dtype=np.int64)
    scaled = (column - low) / (high - low)
    return np.asarray(np.digitize(scaled, np.linspace(0.0, 1.0, bins + 1)[1:-1]), dtype=np.int64)


def _numbered(column: Float64) -> Bins:
    return np.asarray(np.unique(column, return_inverse=True)[1], dtype=np.int64)


def _pairs(first: Bins, second: Bins) -> Bins:
    return first * (int(second.max()) + 1) + second


def _entropy(numbers: Bins) -> float:
    counts = np.bincount(numbers)
    shares = counts[counts > 0] / len(numbers)
    return float(-(shares * np.log2(shares)).sum())


def _gaps(rows: Float64) -> Float64:
    """Largest less second largest value of each row; with one column the largest itself."""
    if rows.shape[1] == 1:
        return rows[:, 0]
    second, first = np.partition(rows, -2, axis=1)[:, -2:].T
    return np.asarray(first - second)


def _even(importance: Float64) -> Float64:
    """One minus the entropy of each row, as a share of the largest that it can be; 0 for rows of nothing."""
    count = importance.shape[1]
    shares = _over(importance, importance.sum(axis=1, keepdims=True))
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0.0)
    entropy = -(shares * logs).sum(axis=1) / np.log(max(count, 2))
    return np.where(importance.sum(axis=1) > 0.0, 1.0 - entropy, 0.0)


def _over(value: Float64, by: Float64) -> Float64:
    by = np.broadcast_to(by, value.shape)
    return np.divide(value, by, out=np.zeros_like(value), where=by > 0.0)
