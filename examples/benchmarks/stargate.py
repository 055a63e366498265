"""The Stargate problem: how often a line becomes a ring on which one operator takes each point to the next.

    python examples/benchmarks/stargate.py [--seeds 20] [--steps 4000] [--picture stargate.png] [--json OUT]

16 points on a line go through a small network. An operator T is trained with it. T must take each point to
the next, and the last to the first. Four operators are compared over many seeds, since one picture proves
nothing:

    rotation, right angle    an angle with a scale and a shift, started at 360 / 16 = 22.5 degrees
    rotation, 0.05 rad       the same, started at 2.9 degrees: it has to find the angle
    matrix, orthogonal       any 2 x 2 matrix, drawn towards an orthogonal one by a term of the loss
    matrix, free             any 2 x 2 matrix

A seed has succeeded when two things hold: T misses the next point by less than a quarter of the radius
(rms), and the ring is round (s2/s1, the ratio of its singular values, is above 0.7). The ring is simple
when it also goes round once: with a winding of 2, opposite points coincide. All medians are over all seeds,
failures included.

The picture has a row for each operator. It shows the training of the seed with the median relative error.
Ctrl-C ends the training at hand. Table, picture and JSON then show what was done so far.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from statistics import median
from typing import Any

from ring_pictures import draw_courses
from table import print_table, write_json
from toy_run import Watcher, toy_parser

from latentfx.methods.oplas.ring.metrics import RingStudy
from latentfx.methods.oplas.toys.stargate import StargateConfig, train_stargates

OPERATORS: Mapping[str, dict[str, Any]] = {
    "rotation, right angle": {"operator": "rotation"},
    "rotation, 0.05 rad": {"operator": "rotation", "start_deg": math.degrees(0.05)},
    "matrix, orthogonal": {"operator": "matrix"},
    "matrix, free": {"operator": "matrix", "orthogonality": 0.0},
}
COLUMNS = [
    "operator",
    "success",
    "simple",
    "s2/s1",
    "step std",
    "radius CV",
    "rel. error",
    "angle",
    "windings",
]


def main() -> int:
    """Run the study."""
    parser = toy_parser(__doc__, seeds=20, steps=4000, picture="stargate.png")
    parser.add_argument("--points", type=int, default=16, help="points on the line (16)")
    parser.add_argument("--operators", nargs="*", choices=[*OPERATORS], default=[*OPERATORS])
    arguments = parser.parse_args()
    studies: dict[str, RingStudy] = {}
    with Watcher(arguments.threads) as watcher:
        for name in arguments.operators:
            if not watcher.stopped:
                shared = StargateConfig(points=arguments.points, steps=arguments.steps)
                config = replace(shared, **OPERATORS[name])
                watch = watcher.training(name, config.steps)
                _, studies[name] = train_stargates(config, range(arguments.seeds), watch)
    print(f"{arguments.seeds} seeds, steps {', '.join(str(s.trained.steps) for s in studies.values())}\n")
    print_table(COLUMNS, [_row(name, study) for name, study in studies.items()])
    write_json(arguments.json, {name: figures(study) for name, study in studies.items()})
    draw_courses(studies, arguments.picture)
    return watcher.exit_code()


def _row(name: str, study: RingStudy) -> list[object]:
    every = study.metrics
    windings = [ring.winding for ring in every]
    counts = {turns: windings.count(turns) for turns in sorted(set(windings), key=lambda n: (abs(n), n))}
    return [
        name,
        f"{sum(ring.succeeded for ring in every)}/{len(every)}",
        f"{sum(ring.simple for ring in every)}/{len(every)}",
        median(ring.singular_ratio for ring in every),
        median(ring.step_std_deg for ring in every),
        median(ring.radius_cv for ring in every),
        median(ring.relative_error for ring in every),
        "-" if math.isnan(study.final_deg[0]) else median(study.final_deg),
        ", ".join(f"{turns} in {count}" for turns, count in counts.items()),
    ]


def figures(study: RingStudy) -> dict[str, object]:
    """Results of a study, as JSON values."""
    angles = [
        {"start_deg": None if math.isnan(start) else start, "final_deg": None if math.isnan(final) else final}
        for start, final in zip(study.start_deg, study.final_deg, strict=True)
    ]
    rows = [
        {"seed": seed, **asdict(ring), "succeeded": ring.succeeded, **angle}
        for seed, ring, angle in zip(study.seeds, study.metrics, angles, strict=True)
    ]
    return {"steps": study.trained.steps, "success_rate": study.success_rate, "rings": rows}


if __name__ == "__main__":
    sys.exit(main())
