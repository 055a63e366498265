"""The scores of one latent space, by the definitions and by the protocol of SynTone's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentfx.training.evaluations.disentanglement.codes import Code
from latentfx.training.evaluations.disentanglement.factors import Factors
from latentfx.training.metrics.bootstrap import Interval, bootstrap_all
from latentfx.training.metrics.disentanglement import Information, all_scores, information
from latentfx.training.metrics.importance import bootstrap_dci
from latentfx.training.recipes.settings import check_range

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class DisentanglementSettings:
    """Settings of the evaluation.

    Args:
        protocol: `corrected` scores posterior means against factors; `published` is what the code of SynTone
            computes: factors and codes exchanged, and codes drawn from the posterior; or `both`.
        examples: at most so many, drawn at random from all; 0 takes every one.
        validation: judge the validation examples alone.
        frames: at most so many frames of an example whose labels change from frame to frame.
        bins: intervals of equal width, of each code and of each factor with more values than that.
        runs: draws of the codes, in the published protocol.
        draws: resampled data sets for the intervals.
        dci_rows: DCI is measured on at most so many rows, drawn at random.
        dci_draws: resampled data sets for the intervals of DCI.
        dci_trees: of each forest.
        seed: of all draws.
    """

    protocol: Literal["both", "corrected", "published"] = "both"
    examples: int = 0
    validation: bool = False
    frames: int = 16
    bins: int = 10
    runs: int = 10
    draws: int = 100
    dci_rows: int = 2000
    dci_draws: int = 10
    dci_trees: int = 30
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("examples", 0), ("bins", 2)):
            check_range(f"evaluation.{name}", getattr(self, name), low)
        for name in ("frames", "runs", "draws", "dci_draws", "dci_trees"):
            check_range(f"evaluation.{name}", getattr(self, name), 1)
        check_range("evaluation.dci_rows", self.dci_rows, 8)


@dataclass(frozen=True)
class ScoreSpread:
    """Mean and standard deviation over draws."""

    mean: float
    std: float


@dataclass(frozen=True)
class SpaceScore:
    """Scores of one latent space.

    Args:
        corrected: by name, of posterior means.
        published: by name, as the code of SynTone computes them.
        drawn: whether the published protocol drew codes; a model without posteriors has one code an example.
        information: what codes tell of factors; None where only the published protocol was asked for.
        factors: names of its rows.
        rows: how many codes were judged.
        dimensions: of the code.
        constant: factors that were left out, because they have one value.
        orders: names of a factor in the order of their numbers.
    """

    corrected: Mapping[str, Interval]
    published: Mapping[str, ScoreSpread]
    drawn: bool
    information: Information | None
    factors: tuple[str, ...]
    rows: int
    dimensions: int
    constant: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]]


def score_space(factors: Factors, codes: Sequence[Code], settings: DisentanglementSettings) -> SpaceScore:
    """Score one latent space.

    Args:
        factors: one row a code.
        codes: of single rows, [D].
        settings: see `DisentanglementSettings`.
    """
    means = np.stack([code.mean for code in codes])
    bins, protocol = factors.bins(settings.bins), settings.protocol
    found = information(factors.values, means, settings.bins, bins) if protocol != "published" else None
    return SpaceScore(
        {} if protocol == "published" else _corrected(factors, means, settings),
        {} if protocol == "corrected" else _published(factors, codes, means, settings),
        codes[0].deviation is not None,
        found,
        factors.names,
        len(means),
        means.shape[1],
        factors.constant,
        factors.orders,
    )


def _corrected(factors: Factors, means: Float64, settings: DisentanglementSettings) -> dict[str, Interval]:
    bins = factors.bins(settings.bins)

    def scores(f: Float64, c: Float64) -> Mapping[str, float]:
        return all_scores(f, c, settings.bins, bins)

    found = bootstrap_all(scores, factors.values, means, settings.draws, settings.seed)
    rng = np.random.default_rng(settings.seed)
    rows = rng.permutation(len(means))[: settings.dci_rows]
    if len(rows) < 8:
        return found
    return found | bootstrap_dci(
        factors.values[rows], means[rows], settings.dci_draws, settings.seed, settings.dci_trees
    )


def _published(
    factors: Factors, codes: Sequence[Code], means: Float64, settings: DisentanglementSettings
) -> dict[str, ScoreSpread]:
    """Scores with the two exchanged: the latent dimensions stand where factors belong."""
    rng = np.random.default_rng(settings.seed)
    deviations = [code.deviation for code in codes if code.deviation is not None]
    width = np.stack(deviations) if deviations else np.zeros_like(means)
    drawn = []
    for _ in range(settings.runs if deviations else 1):
        z = means + width * rng.standard_normal(means.shape)
        drawn.append(all_scores(z, factors.values, settings.bins, settings.bins))
    values = {name: [scores[name] for scores in drawn] for name in drawn[0]}
    return {name: ScoreSpread(float(np.mean(own)), float(np.std(own))) for name, own in values.items()}
