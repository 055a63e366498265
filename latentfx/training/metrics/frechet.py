"""The Fréchet distance between two clouds of embeddings (FAD when they come from audio)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]


def frechet_distance(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of vectors.

        |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^0.5), covariances over n - 1

    The trace of the root is the sum of the square roots of the eigenvalues of S1^0.5 S2 S1^0.5, which is
    symmetric and positive, so the result is real even where a covariance is singular (fewer vectors than
    dimensions).
    The value belongs to the embedding: compare only distances measured with the same classifier.

    Shape:
        reference [N, D], estimate [M, D]; N and M of 2 or more
    Raises:
        ShapeError: other shapes.
    Source: Dowson & Landau 1982; Kilgour et al., "Fréchet audio distance", 2019.
    """
    a, b = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ShapeError(
            f"embeddings have the shapes {a.shape} and {b.shape}; wanted [N, D] and [M, D], N, M > 1"
        )
    return gaussian_frechet_distance(a.mean(axis=0), _covariance(a), b.mean(axis=0), _covariance(b))


def gaussian_frechet_distance(
    mean_1: Float64, covariance_1: Float64, mean_2: Float64, covariance_2: Float64
) -> float:
    """Fréchet distance between two Gaussians.

    Shape:
        mean_1 [D], covariance_1 [D, D], mean_2 [D], covariance_2 [D, D]
    """
    values, vectors = np.linalg.eigh(covariance_1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariance_2 @ root).clip(0)).sum()
    distance = (
        np.sum(np.square(mean_1 - mean_2)) + np.trace(covariance_1) + np.trace(covariance_2) - 2 * cross
    )
    return float(max(distance, 0.0))


def _covariance(vectors: Float64) -> Float64:
    return np.atleast_2d(np.cov(vectors, rowvar=False))
