"""Timbres that have names: the mean v of every instrument, learnt while the model trains."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

MEMORY = 0.995


def number_of(instrument: str, source: str, names: Sequence[str], sources: Sequence[str]) -> int:
    """Number of the timbre that a recording counts for; -1 for none.

    Args:
        instrument, source: of the recording.
        names: of the timbres.
        sources: globs of the recordings that count.
    """
    counts = instrument in names and any(fnmatch(source, glob) for glob in sources)
    return names.index(instrument) if counts else -1


@torch.no_grad()
def remember(timbres: Tensor, weights: Tensor, v: Tensor, instrument: Tensor) -> None:
    """Take a batch into the running mean of every timbre, in place.

    Args:
        timbres: the means.
        weights: 0 before the first clip, 1 in the end.
        v: of the clips.
        instrument: number of each clip's timbre; -1 for none.
    Shape:
        timbres [K, V], weights [K, 1], v [B, V], instrument [B]
    """
    for index in range(len(timbres)):
        rows = v[instrument == index]
        if len(rows):
            keep = MEMORY ** len(rows)
            weight = weights[index] * keep + (1.0 - keep)
            old = timbres[index] * weights[index] * keep
            timbres[index] = (old + (1.0 - keep) * rows.mean(dim=0)) / weight
            weights[index] = weight


def named_in_part(v: Tensor, instrument: Tensor, timbres: Tensor, weights: Tensor, share: float) -> Tensor:
    """Put the mean of the instrument in the place of v, in a random share of the clips that have one.

    Shape:
        v [B, V], instrument [B], timbres [K, V], weights [K, 1] -> [B, V]
    """
    if share <= 0.0:
        return v
    row = instrument.clamp(min=0)
    known = (instrument >= 0) & (weights[row, 0] > 0.0)
    chosen = known & (torch.rand(len(v), device=v.device) < share)
    return torch.where(chosen.unsqueeze(1), timbres[row], v)


def naming_loss(v: Tensor, instrument: Tensor, timbres: Tensor) -> Tensor:
    """Cross-entropy of the instrument, were each a Gaussian of variance 1 about its mean v.

    Shape:
        v [B, V], instrument [B] (-1 does not count), timbres [K, V] -> a scalar, nats; 0 where none counts
    """
    known = instrument >= 0
    if not bool(known.any()):
        return v.new_zeros(())
    distance = (v.unsqueeze(1) - timbres).square().sum(-1)
    return nn.functional.cross_entropy(-0.5 * distance[known], instrument[known])
