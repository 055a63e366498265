"""Crops: random ones to train on, always the same ones to validate on."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from latentfx.errors import DataError
from latentfx.methods.base import Features


class RandomCrops:
    """Training batches. Batch `step` depends on (seed, step) alone: the order needs no saving.

    Args:
        cache: features of the training clips.
        crop_frames: frames in a crop; shorter clips are never drawn.
        batch_size: crops in a batch.
        seed: of the whole run.
        share: rows of a batch that this process takes; None takes all.
    Raises:
        DataError: no clip is long enough.
    """

    def __init__(
        self, cache: Features, crop_frames: int, batch_size: int, seed: int, share: slice | None = None
    ) -> None:
        self._share = share or slice(None)
        usable = _usable(cache, crop_frames, "training")
        lengths = cache.lengths.double().numpy()
        weights = lengths if cache.weights is None else cache.weights.double().numpy()
        weights = weights * usable
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
            raise DataError("the sampling weights of the clips must be finite, 0 or more, and not all 0")
        self._edges = np.cumsum(weights) / weights.sum()
        self._last = int(np.flatnonzero(weights)[-1])
        self._room = lengths - crop_frames + 1
        self._cache, self._crop_frames, self._batch_size, self._seed = cache, crop_frames, batch_size, seed
        self.left_out = int((~usable).sum())
        frames = int(lengths[usable].sum())
        self.steps_per_epoch: int = max(1, math.ceil(frames / (batch_size * crop_frames)))

    def batch(self, step: int) -> dict[str, Tensor]:
        """The share of the batch of one step."""
        return self._crop(step, self._share)

    def whole(self, step: int) -> dict[str, Tensor]:
        """The batch of one step, with the shares of all processes."""
        return self._crop(step, slice(None))

    def _crop(self, step: int, share: slice) -> dict[str, Tensor]:
        rng = np.random.default_rng((self._seed, step))
        drawn = np.searchsorted(self._edges, rng.random(self._batch_size), side="right")
        clip = np.minimum(drawn, self._last)
        start = np.floor(rng.random(self._batch_size) * self._room[clip])
        chosen = torch.from_numpy(clip[share])
        return self._cache.crop(chosen, torch.from_numpy(start[share]).long(), self._crop_frames)


class FixedCrops:
    """Validation batches: crops side by side through every clip, thinned to `limit`, in a fixed mixed order.

    Raises:
        DataError: no clip is long enough.
    """

    def __init__(self, cache: Features, crop_frames: int, batch_size: int, limit: int) -> None:
        _usable(cache, crop_frames, "validation")
        crops = [
            (clip, start)
            for clip, length in enumerate(cache.lengths.tolist())
            for start in range(0, length - crop_frames + 1, crop_frames)
        ]
        kept = np.unique(np.linspace(0, len(crops) - 1, min(limit, len(crops))).round().astype(int))
        order = np.random.default_rng(0).permutation(kept)
        self._crops = torch.tensor([crops[i] for i in order])
        self._cache, self._crop_frames, self._batch_size = cache, crop_frames, batch_size

    def __len__(self) -> int:
        return len(self._crops)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        for rows in self._crops.split(self._batch_size):
            yield self._cache.crop(rows[:, 0], rows[:, 1], self._crop_frames)


def _usable(cache: Features, crop_frames: int, split: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    usable = np.asarray(cache.lengths.numpy() >= crop_frames)
    if not usable.any():
        longest = int(cache.lengths.max()) if len(cache.lengths) else 0
        raise DataError(
            f"no {split} clip has train.crop_frames = {crop_frames} frames; the longest has {longest}. "
            f"Lower train.crop_frames, or give longer clips in [data]"
        )
    return usable
