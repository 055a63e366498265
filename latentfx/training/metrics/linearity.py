"""How well a code follows a factor along straight lines, and which dimensions a factor moves.

Conventions: rows are points, columns dimensions; R2 and errors have no unit. A column that does not change
explains nothing, and nothing explains it: R2 is 0.

Source: the protocol of "Learning interpretable low-dimensional representation via physical symmetry", 2023.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]
_STILL = 1e-12


def r2(codes: Float64, target: Float64) -> float:
    """Share of the variance of a target that a linear function of the codes explains.

    With one dimension it is the squared Pearson correlation.

    Shape:
        codes [n] or [n, D], target [n]
    """
    (error,) = linear_errors(codes, target[:, None])
    return 1.0 - error if target.std() > _STILL else 0.0


def linear_errors(codes: Float64, targets: Float64) -> tuple[float, ...]:
    """Mean squared error of least squares from codes to each target, divided by the target's variance.

    It is 1 - R2, fitted and judged on the same points.

    Shape:
        codes [n] or [n, D], targets [n, F] -> F numbers
    Raises:
        ShapeError: fewer than two points, or not as many codes as targets.
    """
    points = codes.reshape(len(codes), -1)
    if len(points) < 2 or len(points) != len(targets):
        raise ShapeError(f"{len(points)} codes for {len(targets)} targets; wanted 2 or more, one for each")
    spread = targets.std(axis=0)
    scaled = (targets - targets.mean(axis=0)) / np.where(spread > _STILL, spread, 1.0)
    design = np.column_stack([points - points.mean(axis=0), np.ones(len(points))])
    fitted = design @ np.linalg.lstsq(design, scaled, rcond=None)[0]
    return tuple(float(value) for value in ((scaled - fitted) ** 2).mean(axis=0))


def standardised_error(estimate: Float64, target: Float64, own: bool = False) -> float:
    """Mean squared error after both are standardised.

    Args:
        estimate, target: codes.
        own: standardise each by its own mean and deviation; otherwise both by those of the target.
    Shape:
        both [n, D]
    """
    by = estimate if own else target
    return float(((_standard(estimate, by) - _standard(target, target)) ** 2).mean())


def _standard(values: Float64, by: Float64) -> Float64:
    spread = by.std(axis=0)
    return np.asarray((values - by.mean(axis=0)) / np.where(spread > _STILL, spread, 1.0))


class Precision(NamedTuple):
    """How often the dimensions that a factor moves most are those that stand for it.

    Args:
        style: when the instrument changes, among as many dimensions as the style has.
        content: when the pitch changes, among as many dimensions as the content has.
        random_style, random_content: what chance gives.
    """

    style: float
    content: float
    random_style: float
    random_content: float


def augmentation_ratio(codes: Float64, content: int) -> float:
    """How far a change of instrument moves the content, as a share of how far it moves the style.

    Every dimension is standardised; the mean is over pitches and pairs of instruments.

    Args:
        codes: of every instrument at every pitch.
        content: the first so many dimensions.
    Shape:
        codes [instruments, pitches, D]
    Raises:
        ShapeError: fewer than two instruments, or no dimension of style.
    """
    scaled = _standard_grid(codes, content)
    pairs = itertools.combinations(range(len(scaled)), 2)
    moves = np.concatenate([scaled[a] - scaled[b] for a, b in pairs])
    of_content, of_style = (np.linalg.norm(part, axis=-1) for part in np.split(moves, [content], axis=-1))
    return float((of_content / np.maximum(of_style, _STILL)).mean())


def query_precision(codes: Float64, content: int) -> Precision:
    """Whether content and style can be told by what moves them.

    At every pitch, the dimensions that vary most over the instruments are taken for style; for every
    instrument, those that vary most over the pitches are taken for content.

    Args:
        codes: of every instrument at every pitch.
        content: the first so many dimensions.
    Shape:
        codes [instruments, pitches, D]
    Raises:
        ShapeError: fewer than two instruments, or no dimension of style.
    """
    scaled = _standard_grid(codes, content)
    size = scaled.shape[-1]
    style = size - content
    by_style = np.argsort(-scaled.std(axis=0), axis=-1, kind="stable")[:, :style]
    by_content = np.argsort(-scaled.std(axis=1), axis=-1, kind="stable")[:, :content]
    return Precision(
        float((by_style >= content).mean()),
        float((by_content < content).mean()),
        style / size,
        content / size,
    )


def _standard_grid(codes: Float64, content: int) -> Float64:
    if codes.ndim != 3 or len(codes) < 2 or not 0 < content < codes.shape[-1]:
        raise ShapeError(
            f"codes of the shape {codes.shape} with {content} dimensions of content; wanted 2 instruments or "
            "more at every pitch, and a dimension of style or more"
        )
    flat = codes.reshape(-1, codes.shape[-1])
    return _standard(flat, flat).reshape(codes.shape)
