"""Where and how precisely to compute."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentfx.errors import RecipeError


@dataclass(frozen=True)
class Device:
    """A device of torch, and the precision of the matrix products on it.

    Args:
        place: the device.
        precision: `float32` or `bfloat16`.
    """

    place: torch.device
    precision: str = "float32"

    def batch(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bring a batch here."""
        return {name: value.to(self.place) for name, value in values.items()}

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which losses are computed."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.place.type, dtype=torch.bfloat16, enabled=enabled)


def choose_device(name: str) -> torch.device:
    """Turn `auto` into the GPU where there is one.

    Raises:
        RecipeError: a device that this machine or torch does not have.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"device {name!r} cannot be used ({reason}); give auto, cpu or cuda") from None
    return device
