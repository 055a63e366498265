"""The ring of pitch classes in 64 dimensions, and its other orders: circle of fifths, of fourths, Coltrane's.

    python examples/benchmarks/pitch_ring.py [--seeds 3] [--steps 4000] [--picture ring.png] [--json OUT]

Twelve points on the diagonal of a space of 64 dimensions become a ring. T, a FiLMR layer, advances along it
by a semitone. Wherever the angle of T starts, it should come to 360 / 12 = 30 degrees.

The ring is then frozen. A second FiLMR, C, learns to turn parts of the ring. T stays as it is, and walks in
another order:

    fifths     odd pitch classes by 180 degrees: T is a fifth
    fourths    pitch classes 3 k + 1 by 120 degrees, 3 k + 2 by 240: T is a fourth
    coltrane   the cycle of D by T and that of Eb back by T, then the odd ones by two major thirds,
               240 degrees (read as 120 the other way): two T back walk Coltrane changes, C Eb7 Ab B7 E G7 C

A row is a median over the seeds. The relative error is the rms distance from T's points to the next ones,
over the radius. A gamma near -1 is half a turn more: C may find 60 degrees and -1 for 240 and 1.

The picture shows the seed with the median error. Ctrl-C ends the training at hand and keeps what was done.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median

from ring_pictures import draw_ring
from stargate import figures
from table import print_table, write_json
from toy_run import Watcher, toy_parser

from latentfx.methods.oplas.ring.metrics import RingStudy
from latentfx.methods.oplas.ring.problem import RingConfig, RingProblem, train_rings
from latentfx.methods.oplas.toys.arrangements import (
    ARRANGEMENTS,
    Arranged,
    ArrangementConfig,
    learn_arrangement,
)

COLUMNS = ["order", "started at", "angle", "gamma", "s2/s1", "winding", "in the plane", "rel. error", "worst"]


def main() -> int:
    """Run the study."""
    parser = toy_parser(__doc__, seeds=3, steps=4000, picture="ring.png")
    parser.add_argument("--orders", nargs="*", choices=[*ARRANGEMENTS], default=[*ARRANGEMENTS])
    parser.add_argument("--order-steps", type=int, default=2000, help="steps in which C is learnt (2000)")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    arranged: dict[str, RingStudy] = {}
    with Watcher(arguments.threads) as watcher:
        config = RingConfig(steps=arguments.steps)
        rings, study = train_rings(config, seeds, watcher.training("chromatic", config.steps))
        rows = [_row("chromatic", study, rings)]
        for name in arguments.orders:
            if not watcher.stopped:
                watch = watcher.training(name, arguments.order_steps)
                settings = ArrangementConfig(steps=arguments.order_steps)
                models, arranged[name] = learn_arrangement(rings, ARRANGEMENTS[name], seeds, settings, watch)
                rows.append(_row(name, arranged[name], models))
    print(f"{arguments.seeds} seeds, {study.trained.steps} steps\n")
    print_table(COLUMNS, rows)
    print("\nangle of T for each seed: " + ", ".join(f"{angle:.3f}" for angle in study.final_deg))
    every = {"chromatic": study, **arranged}
    write_json(arguments.json, {name: figures(each) for name, each in every.items()})
    draw_ring(study, arranged, arguments.picture)
    return watcher.exit_code()


def _row(name: str, study: RingStudy, models: Sequence[RingProblem] | Sequence[Arranged]) -> list[object]:
    every = study.metrics
    return [
        name,
        f"{median(study.start_deg):.2f}",
        f"{median(study.final_deg):.2f}",
        median(float(model.operator.gamma.detach()) for model in models),
        median(ring.singular_ratio for ring in every),
        ", ".join(f"{ring.winding:+d}" for ring in every),
        f"{100 * median(ring.explained for ring in every):.2f} %",
        median(ring.relative_error for ring in every),
        max(ring.relative_error for ring in every),
    ]


if __name__ == "__main__":
    sys.exit(main())
