"""What gives a ring its size: the triplet margin pushes points apart, their magnitude holds them together."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["magnitude", "triplet_loss"]

_APART = 1e-6  # keeps the gradient of a distance of zero finite, as torch's own loss does


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """Mean of relu(|anchor - positive| - |anchor - negative| + margin), Euclidean.

    As torch's `triplet_margin_loss`, and made of parts that `torch.func.vmap` takes at full speed.

    Shape:
        anchor [N, D], positive [N, D], negative [N, D] -> []
    """
    near = torch.linalg.vector_norm(anchor - positive + _APART, dim=-1)
    far = torch.linalg.vector_norm(anchor - negative + _APART, dim=-1)
    return functional.relu(near - far + margin).mean()


def magnitude(*points: Tensor) -> Tensor:
    """Mean square of several sets of points, each counted alike.

    Shape:
        [N, D] each -> []
    """
    return torch.stack([each.square().mean() for each in points]).mean()
