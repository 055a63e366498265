"""The mixing projector on points in the plane, for which everything is known.

Stems are points, a mix is their sum, and an encoder twists the plane so that sums of embeddings are nowhere
near the embeddings of sums. Source: the OpLaS paper ("Operational latent spaces", 2024), its public notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from latentfx.methods.oplas.projector import MixingProjector, Projector
from latentfx.methods.oplas.terms import mixing_terms, project
from latentfx.methods.oplas.toys.many_seeds import (
    Batches,
    Trained,
    Watch,
    adam_one_cycle,
    always,
    build_each,
    train_together,
)
from latentfx.methods.terms import add_up

__all__ = ["MixingConfig", "MixingScores", "draw_stems", "score_mixing", "train_mixing", "twist"]

MAX_MIX_ERROR, MAX_INVERSE_ERROR = 0.05, 0.03
SHOWN = 400


@dataclass(frozen=True)
class MixingConfig:
    """The toy training.

    Args:
        batch: pairs of stems in a step.
        steps: length of the one-cycle schedule; the notebook has 80000.
        peak_lr: of that schedule.
    """

    batch: int = 1024
    steps: int = 8000
    peak_lr: float = 2e-3


@dataclass(frozen=True)
class MixingScores:
    """Errors on pairs of stems that were not drawn before.

    Conventions: rms of the difference over the standard deviation of what is wanted, for all dimensions
    together; 0 is perfect. `without` is the same formula on embeddings as they are, without h.

    Args:
        mix: sum of the projected stems against the projected mix.
        mix_without: and without h.
        inverse: hinv(h(mix)) against the mix.
        analogy: mix of two stems, minus the first, plus a third, against the mix of the third and the second.
        analogy_without: and without h.
        removal: mix minus a stem against the other stem.
        removal_without: and without h.
    """

    mix: float
    mix_without: float
    inverse: float
    analogy: float
    analogy_without: float
    removal: float
    removal_without: float

    @property
    def passed(self) -> bool:
        """Whether mixing and its inverse are as good as they should be."""
        return self.mix < MAX_MIX_ERROR and self.inverse < MAX_INVERSE_ERROR


def _bend(t: Tensor, slope: float) -> Tensor:
    return 0.9 * (torch.tanh(slope * t) + 0.1 * t)


def twist(points: Tensor) -> Tensor:
    """The given encoder: fixed and not linear.

    Shape:
        [..., 2] -> [..., 2]
    """
    x, y = points.unbind(-1)
    twisted = torch.stack([x - 0.5 * _bend(y, 3.0), y + 0.7 * _bend(x, 1.2)], -1)
    return _bend(1.7 * twisted, 2.0)


def draw_stems(count: int, generator: torch.Generator, stems: int = 2) -> Tensor:
    """Draw stems: the first from a square of 2.4, the others of 2.

    Shape:
        -> [stems, count, 2]
    """
    points = 2.0 * torch.rand(stems, count, 2, generator=generator) - 1.0
    points[0] *= 1.2
    return points


def draw_faders(count: int, generator: torch.Generator, stems: int = 2) -> Tensor:
    """Draw gains of magnitude 0.52 to 1.48 and of either sign.

    Shape:
        -> [stems, count, 1]
    """
    sign = torch.randint(0, 2, (stems, count, 1), generator=generator) * 2.0 - 1.0
    return sign + 0.5 * torch.tanh(4.0 * torch.rand(stems, count, 1, generator=generator) - 2.0)


class ToyMixing(MixingProjector):
    """The projector of the toy problem, as `train_together` calls it."""

    def __init__(self) -> None:
        super().__init__(Projector(2), Projector(2))

    def forward(self, stems: Tensor, mix: Tensor, alone: Tensor) -> tuple[Tensor, Tensor]:
        """Loss; sums of projected stems and projected mixes, some of them.

        Shape:
            stems [2, B, 2], mix [B, 2], alone [B, 2] -> [], [2, B or SHOWN, 2]
        """
        projected = project(self.into, self.back, stems, mix, alone)
        return add_up(mixing_terms(), projected)["loss"], projected.both[:, :SHOWN]


def train_mixing(
    config: MixingConfig, seeds: Sequence[int], watch: Watch = always
) -> tuple[list[ToyMixing], Trained]:
    """Train the toy problem for several seeds at once; each draws stems of its own."""
    models = build_each(ToyMixing, seeds)
    optimise = adam_one_cycle(config.peak_lr)
    trained = train_together(
        models, seeds, optimise, config.steps, batches=_batches(config.batch, seeds), watch=watch
    )
    return models, trained


def _batches(size: int, seeds: Sequence[int]) -> Batches:
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(step: int) -> tuple[Tensor, ...]:
        stems = torch.stack([draw_stems(size, generator) for generator in generators])
        scaled = stems * torch.stack([draw_faders(size, generator) for generator in generators])
        return twist(scaled), twist(scaled.sum(1)), twist(stems[:, 0])

    return draw


@torch.no_grad()
def score_mixing(model: MixingProjector, count: int = 4096, seed: int = 10_000) -> MixingScores:
    """Measure a model on stems of a seed that no training uses by default.

    Three stems are drawn, each with a fader: the mix is of the first two, the third takes the place of the
    first in the analogy. All embeddings are of stems as loud as they are in the mix.
    """
    generator = torch.Generator().manual_seed(seed)
    scaled = draw_stems(count, generator, 3) * draw_faders(count, generator, 3)
    first, second, third = twist(scaled)
    mix, other = twist(scaled[0] + scaled[1]), twist(scaled[2] + scaled[1])
    h = model.into
    return MixingScores(
        mix=_error(h(first) + h(second), h(mix)),
        mix_without=_error(first + second, mix),
        inverse=_error(model.back(h(mix)), mix),
        analogy=_error(model.analogy(mix, first, third), other),
        analogy_without=_error(mix - first + third, other),
        removal=_error(model.subtract(mix, first), second),
        removal_without=_error(mix - first, second),
    )


def _error(estimate: Tensor, wanted: Tensor) -> float:
    missed = (estimate - wanted).square().mean().sqrt()
    return float(missed / wanted.var(0).mean().sqrt())
