"""Whether the dimensions of a latent space are used: what a checkpoint's card says of its codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from latentfx.methods.base import Objective
from latentfx.methods.common.vicreg import covariance_loss, variance_loss

DEAD_VARIANCE = 0.01
AT_THE_END = 0.01
OFTEN = 0.5
Float64 = NDArray[np.float64]


def effective_rank(codes: Tensor) -> float:
    """How many dimensions the codes fill: e to the entropy of their normalised singular values.

    Shape:
        codes [n, D]
    Source: Roy & Vetterli, "The effective rank", 2007.
    """
    values = torch.linalg.svdvals(codes.double() - codes.double().mean(dim=0))
    share = values / values.sum().clamp(min=1e-12)
    return float(torch.exp(-(share * share.clamp(min=1e-12).log()).sum()))


def space_health(codes: Tensor) -> dict[str, float]:
    """Figures of one latent space.

    Args:
        codes: of points of the data; of a posterior, its means.
    Returns:
        `dimensions`: how many there are. `effective_rank`: how many of them the codes fill. `dead`: how many
        have a variance below 0.01 (Burda et al., 2016). `saturated`: how many have half of their values or
        more within 1 % of the ends of their range. `variance`, `covariance`: terms of VICReg, 0 at best.
    Shape:
        codes [n, D], n of 2 or more
    """
    low, high = codes.amin(dim=0), codes.amax(dim=0)
    reach = AT_THE_END * (high - low)
    ends = ((codes <= low + reach) | (codes >= high - reach)).float().mean(dim=0)
    alive = codes.var(dim=0) >= DEAD_VARIANCE
    return {
        "dimensions": codes.shape[1],
        "effective_rank": effective_rank(codes),
        "dead": int((~alive).sum()),
        "saturated": int((alive & (ends >= OFTEN)).sum()),
        "variance": float(variance_loss(codes)),
        "covariance": float(covariance_loss(codes)),
    }


@torch.no_grad()
def latent_health(
    model: Objective, crops: Iterable[Mapping[str, Tensor]], instruments: Sequence[str], fabric: Fabric
) -> dict[str, dict[str, float]]:
    """Figures of every latent space of a model, and how well the instrument can be read from it.

    Args:
        model: in evaluation mode.
        crops: validation batches.
        instruments: of the validation clips.
        fabric: where to compute.
    Returns:
        by space, the figures of `space_health` and `instrument`: how well a linear discriminant names the
        instrument of a code. It is fitted to one half of the clips; the score is the share of right names in
        the other half. It is left out where codes do not belong to clips, or fewer than two instruments are
        in both halves.
    """
    spaces: dict[str, list[Tensor]] = {}
    clips: dict[str, list[Tensor]] = {}
    for crop in crops:
        for name, codes in model.codes(fabric.to_device(crop)).items():
            flat = codes.flatten(0, -2).float().cpu()
            of_clips = len(codes) == len(crop["clip"])
            owner = crop["clip"].cpu().repeat_interleave(len(flat) // len(codes)) if of_clips else None
            spaces.setdefault(name, []).append(flat)
            clips.setdefault(name, []).append(torch.full((len(flat),), -1) if owner is None else owner)
    return {name: _health(torch.cat(spaces[name]), torch.cat(clips[name]), instruments) for name in spaces}


@torch.no_grad()
def code_statistics(
    model: Objective, crops: Iterable[Mapping[str, Tensor]], fabric: Fabric
) -> dict[str, dict[str, list[float]]]:
    """Mean and standard deviation of every dimension of every latent space.

    Args:
        model: in evaluation mode.
        crops: of the training.
        fabric: where to compute.
    Returns:
        by space, `mean` and `deviation`; nothing of a space with fewer than two points.
    """
    spaces: dict[str, list[Tensor]] = {}
    for crop in crops:
        for name, codes in model.codes(fabric.to_device(crop)).items():
            spaces.setdefault(name, []).append(codes.flatten(0, -2).double().cpu())
    joined = {name: torch.cat(parts) for name, parts in spaces.items()}
    return {
        name: {"mean": codes.mean(dim=0).tolist(), "deviation": codes.std(dim=0).tolist()}
        for name, codes in joined.items()
        if len(codes) > 1
    }


def _health(codes: Tensor, clip: Tensor, instruments: Sequence[str]) -> dict[str, float]:
    if len(codes) < 2:
        return {}
    named = _instrument_score(codes.double().numpy(), clip.numpy(), np.array(instruments))
    return space_health(codes) | ({} if named is None else {"instrument": named})


def _instrument_score(codes: Float64, clip: NDArray[np.int64], instruments: NDArray[np.str_]) -> float | None:
    if clip.min() < 0:
        return None
    order = {name: np.flatnonzero(instruments == name) for name in np.unique(instruments)}
    place = np.zeros(len(instruments), int)
    for members in order.values():
        place[members] = np.arange(len(members))
    labels, tested = instruments[clip], place[clip] % 2 == 1
    shared = set(labels[tested]) & set(labels[~tested])
    if len(shared) < 2:
        return None
    kept = np.isin(labels, sorted(shared))
    judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    judge.fit(codes[kept & ~tested], labels[kept & ~tested])
    return float(judge.score(codes[kept & tested], labels[kept & tested]))
