"""Loss parts as plain numbers, and their means over a validation set."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning_fabric import Fabric
from torch import Tensor

from latentfx.methods.base import Objective
from latentfx.training.runs.rng import isolated_rng
from latentfx.training.runs.sampling import FixedCrops


def numbers(parts: Mapping[str, Tensor]) -> dict[str, float]:
    """Loss parts as floats, fetched from the device at once."""
    values = torch.stack([value.detach().float() for value in parts.values()]).tolist()
    return dict(zip(parts, values, strict=True))


@torch.no_grad()
def evaluate(model: Objective, crops: FixedCrops, fabric: Fabric, seed: int) -> dict[str, float]:
    """Mean of every loss part over the crops, with the same random numbers each time.

    Args:
        model: put into evaluation mode, and left there.
        crops: validation crops.
        fabric: where to compute.
        seed: of what the loss draws; the generators of the training do not notice.
    """
    model.eval()
    sums: dict[str, float] = {}
    with isolated_rng(seed), fabric.autocast():
        for batch in crops:
            size = len(batch["clip"])
            for name, value in numbers(model.loss(fabric.to_device(batch))).items():
                sums[name] = sums.get(name, 0.0) + value * size
    return {name: value / len(crops) for name, value in sums.items()}
