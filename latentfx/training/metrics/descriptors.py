"""What a spectrum sounds like in four numbers: level, strongest partial, brightness, odd over even partials.

They are physical and know no model, so that they can say what a latent dimension does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]

FAINT = 1e-20
NAMES = ("level_db", "frequency_hz", "centroid_hz", "odd_even_db")
HALF_WIDTH_BINS = 2


def describe_spectrum(power: Float64, sample_rate: float) -> Mapping[str, float]:
    """Descriptors of one power spectrum.

    Args:
        power: of a one-sided spectrum, or its mean over some frames.
        sample_rate: Hz.
    Returns:
        `level_db`: total power. `frequency_hz`: of the strongest bin, on a parabola through its neighbours.
        `centroid_hz`: mean frequency, weighted by magnitude. `odd_even_db`: power of the odd partials of that
        frequency over that of the even ones; NaN where no even partial lies below half the rate.
    Shape:
        power [F]
    Raises:
        ShapeError: fewer than 8 bins, or more than one axis.
    """
    if power.ndim != 1 or len(power) < 8:
        raise ShapeError(f"a spectrum has the shape {power.shape}; wanted [F], 8 bins or more")
    step = sample_rate / (2.0 * (len(power) - 1))
    frequencies = step * np.arange(len(power))
    magnitude = np.sqrt(power)
    total = magnitude.sum()
    strongest = step * _peak(power)
    return {
        "level_db": float(10.0 * np.log10(power.sum() + FAINT)),
        "frequency_hz": strongest,
        "centroid_hz": float(frequencies @ magnitude / total) if total > 0.0 else 0.0,
        "odd_even_db": _odd_even_db(power, strongest / step),
    }


def rank_correlation(first: Float64, second: Float64) -> float:
    """Spearman's correlation of the rows in which both are numbers; 0 where one of them never changes.

    Shape:
        first [n], second [n]
    """
    from scipy.stats import rankdata

    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3:
        return 0.0
    a, b = (rankdata(column[known]) for column in (first, second))
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _peak(power: Float64) -> float:
    """Place of the strongest bin above the first, in bins."""
    at = 1 + int(power[1:-1].argmax())
    left, middle, right = np.log(power[at - 1 : at + 2] + FAINT)
    bend = left - 2.0 * middle + right
    return at + (0.5 * float(left - right) / float(bend) if bend < 0.0 else 0.0)


def _odd_even_db(power: Float64, f0: float) -> float:
    sums = [0.0, 0.0]
    for number in range(1, int((len(power) - 1 - HALF_WIDTH_BINS) / f0) + 1):
        at = round(number * f0)
        sums[number % 2] += float(power[max(at - HALF_WIDTH_BINS, 0) : at + HALF_WIDTH_BINS + 1].sum())
    even, odd = sums
    if int((len(power) - 1 - HALF_WIDTH_BINS) / f0) < 2:
        return float("nan")
    return float(10.0 * np.log10((odd + FAINT) / (even + FAINT)))
