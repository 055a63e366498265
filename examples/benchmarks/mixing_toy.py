"""Mixing in latent space: points in the plane as stems, and a projector that makes their embeddings add up.

    python examples/benchmarks/mixing_toy.py [--seeds 1] [--steps 8000] [--picture mixing.png] [--json OUT]

A fixed encoder f twists the plane, so that f(stem) + f(stem) is nowhere near f(stem + stem). A projector h
is trained until h(f(stem)) + h(f(stem)) equals h(f(mix)). An inverse of h is trained with it. Then latent
arithmetic works:

    mix        the sum of h(stem), against h(mix)
    inverse    hinv(h(mix)), against the mix
    analogy    drums + bass - drums + guitar: a mix, minus its first stem, plus another
    removal    a mix minus its first stem, against the stem that is left

An error is an rms difference, divided by the standard deviation of the right answer. It is measured on
stems that training did not draw. Beside it stands the error of the same sum without h. A seed passes with a
mix error below 0.05 and an inverse error below 0.03.

The notebook that this follows trains for 80000 steps. 8000 steps take some minutes. Ctrl-C keeps what was
done so far.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from table import print_table, write_json
from torch import Tensor
from toy_run import Watcher, toy_parser

from latentfx.methods.oplas.projector import MixingProjector
from latentfx.methods.oplas.toys.many_seeds import Trained
from latentfx.methods.oplas.toys.mixing import (
    MixingConfig,
    MixingScores,
    draw_faders,
    draw_stems,
    score_mixing,
    train_mixing,
    twist,
)

PAIRS = (
    ("mix", "mix_without"),
    ("inverse", None),
    ("analogy", "analogy_without"),
    ("removal", "removal_without"),
)
SHOWN = 120


def main() -> int:
    """Run the study."""
    parser = toy_parser(__doc__, seeds=1, steps=8000, picture="mixing.png")
    parser.add_argument("--batch", type=int, default=1024, help="pairs of stems in a step (1024)")
    arguments = parser.parse_args()
    config = MixingConfig(batch=arguments.batch, steps=arguments.steps)
    with Watcher(arguments.threads) as watcher:
        watch = watcher.training("mixing", config.steps)
        models, trained = train_mixing(config, range(arguments.seeds), watch)
    scores = [score_mixing(model) for model in models]
    print(f"{trained.steps} steps, batches of {config.batch}\n")
    names = [f"seed {seed}" for seed in range(arguments.seeds)]
    print_table(["error of", *names, "without h"], [_row(*pair, scores) for pair in PAIRS])
    print(f"\npassed: {sum(score.passed for score in scores)} of {len(scores)}")
    found = [{**asdict(score), "passed": score.passed} for score in scores]
    write_json(arguments.json, {"steps": trained.steps, "seeds": found})
    draw(models[0], trained, arguments.picture)
    return watcher.exit_code()


def _row(name: str, without: str | None, scores: Sequence[MixingScores]) -> list[object]:
    plain = getattr(scores[0], without) if without else "-"
    return [name, *(getattr(score, name) for score in scores), plain]


@torch.no_grad()
def draw(model: MixingProjector, trained: Trained, target: Path) -> None:
    """Draw what the first seed learnt: above, sums and mixes during training; below, what they are for."""
    figure = Figure(figsize=(13, 6.6), layout="constrained")
    (above, below) = figure.subplots(2, 4)
    for axes, step in zip(above, trained.course(len(above)), strict=False):
        summed, mixed = trained.frames[step][0]
        _pairs(axes, summed, mixed, f"h, step {step}", "sum of h(stem)", "h(mix)")
    generator = torch.Generator().manual_seed(20_000)
    scaled = draw_stems(SHOWN, generator, 3) * draw_faders(SHOWN, generator, 3)
    first, second, third = twist(scaled)
    mix, other = twist(scaled[0] + scaled[1]), twist(scaled[2] + scaled[1])
    _pairs(below[0], first + second, mix, "without h", "sum of stems", "mix")
    _pairs(below[1], model.back(model.into(mix)), mix, "inverse", "hinv(h(mix))", "mix")
    _pairs(below[2], model.subtract(mix, first), second, "removal", "mix - stem", "other stem")
    _pairs(below[3], model.analogy(mix, first, third), other, "analogy", "mix - a + c", "mix with c")
    figure.savefig(target, dpi=110)


def _pairs(axes: Axes, estimate: Tensor, wanted: Tensor, title: str, name: str, wanted_name: str) -> None:
    """Draw estimates as dots and right answers as rings, with a line from each dot to its ring."""
    dots, rings = estimate[:SHOWN].numpy(), wanted[:SHOWN].numpy()
    gaps = np.full_like(dots, np.nan)
    axes.plot(*np.stack([dots, rings, gaps], 1).reshape(-1, 2).T, color="0.8", linewidth=0.6, zorder=1)
    axes.scatter(*rings.T, s=28, facecolors="none", edgecolors="C2", linewidths=0.8, label=wanted_name)
    axes.scatter(*dots.T, s=6, color="C4", label=name)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.07), ncols=2, frameon=False)


if __name__ == "__main__":
    sys.exit(main())
