"""A fingerprint of a run's data: a number for each example. Other sound changes it, rounding does not."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.errors import CheckpointError
from latentfx.methods.base import AnyExample

_SAME: Final = 0.01  # of numbers whose deviation is 1


def mark(example: AnyExample) -> float:
    """The number of an example: its arrays, projected on signs drawn once and for all."""
    found = 0.0
    for _, array in sorted(example.arrays.items()):
        values = np.asarray(array, np.float64).ravel()
        found += float(values @ _signs(values.size)) / (float(np.linalg.norm(values)) + 1e-12)
    return found


def check_same(folder: Path, before: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> None:
    """Refuse to go on with other data than a run began with.

    Args:
        folder: of the run.
        before: side of the data -> a number for each example, NaN where it was not read; empty where an
            earlier version wrote the state.
        now: the same of the data at hand.

    Raises:
        CheckpointError: they differ.
    """
    for side, marks in before.items():
        if side not in now:
            raise CheckpointError(
                f"the state in {folder} holds {side!r} data, which this run lacks: it is damaged, or by "
                "another latentfx. Give another --out to train anew"
            )
        other = _difference(marks, now[side])
        if other:
            raise CheckpointError(
                f"{folder} was trained on other data of the same names: in the {side} data, {other}. "
                "Put the recordings of before back, or give another --out to train anew"
            )


def _difference(before: Tensor, now: Tensor) -> str:
    if len(before) != len(now):
        return f"{len(before)} examples before and {len(now)} now"
    changed = int(((before - now).abs() > _SAME).sum())  # NaN is never above
    return f"{changed} of {len(now)} examples have changed" if changed else ""


@functools.lru_cache(maxsize=8)
def _signs(size: int) -> NDArray[np.float64]:
    drawn: NDArray[np.float64] = np.random.default_rng(0).choice((-1.0, 1.0), size)
    return drawn


def as_tensor(marks: Mapping[int, float], count: int) -> Tensor:
    """Numbers by position as a tensor; NaN where there is none."""
    return torch.tensor([marks.get(at, float("nan")) for at in range(count)], dtype=torch.float64)
