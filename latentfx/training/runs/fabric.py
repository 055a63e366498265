"""Where and how precisely to compute: Lightning Fabric, set up for what the user asked for.

A run asks the `Fabric` for its device, autocast, backward passes and clipping. With `float32` on a CPU every
number is the one that plain torch computes, bit for bit.
"""

from __future__ import annotations

from typing import Literal

import torch
from lightning_fabric import Fabric

from latentfx.errors import RecipeError

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
"""What a recipe says, and Fabric's name for it."""
AUTO = ("cuda", "mps")


def make_fabric(device: str = "auto", precision: str = "float32") -> Fabric:
    """Set up one process on one device.

    Args:
        device: `auto` takes the first of CUDA, MPS (Apple) and the CPU that this machine has.
        precision: `float32`, or `bfloat16` for autocast.
    Raises:
        RecipeError: a device that this machine or torch does not have.
    """
    place = _choose(device)
    devices = 1 if place.index is None else [place.index]
    return Fabric(
        accelerator=place.type, devices=1 if place.type == "cpu" else devices, precision=PRECISIONS[precision]
    )


def _choose(name: str) -> torch.device:
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return found if found is not None and found.type in AUTO else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise _unusable(name, reason) from None
    if device.type not in (*AUTO, "cpu"):
        raise _unusable(name, "latentfx does not train on it")
    return device


def _unusable(name: str, reason: str) -> RecipeError:
    return RecipeError(f"device {name!r} cannot be used ({reason}); give auto, cpu, cuda, cuda:1 or mps")
