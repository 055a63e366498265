"""The three terms of VICReg: points agree, dimensions live, and no two dimensions say the same.

Source: Bardes, Ponce & LeCun, "VICReg: variance-invariance-covariance regularization", 2022. Variances and
covariances are over the points, with n - 1 (0 for a single point); axes in front of the points are kept, so
that many batches can be scored at once.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["covariance_loss", "invariance_loss", "variance_loss"]


def variance_loss(z: Tensor, target: float = 1.0, epsilon: float = 1e-4) -> Tensor:
    """How far standard deviations fall short of a target, averaged over the dimensions.

    Shape:
        z [..., N, D] -> [...]
    """
    deviation = torch.sqrt(z.var(dim=-2, correction=min(1, z.shape[-2] - 1)) + epsilon)
    return functional.relu(target - deviation).mean(-1)


def covariance_loss(z: Tensor) -> Tensor:
    """Sum of the squared covariances between different dimensions, over the number of dimensions.

    Shape:
        z [..., N, D] -> [...]
    """
    centred = z - z.mean(dim=-2, keepdim=True)
    matrix = centred.mT @ centred / max(z.shape[-2] - 1, 1)
    own = matrix.diagonal(dim1=-2, dim2=-1)
    return (matrix.square().sum((-2, -1)) - own.square().sum(-1)) / z.shape[-1]


def invariance_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared difference between points that should agree.

    Shape:
        first [..., N, D], second [..., N, D] -> [...]
    """
    return (first - second).square().mean((-2, -1))
