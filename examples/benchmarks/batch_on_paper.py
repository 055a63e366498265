"""What a large batch costs on many machines, on paper: computed from measured parts.

    python examples/benchmarks/batch_parts.py --ray --json parts.json
    python examples/benchmarks/batch_on_paper.py parts.json [--files 1000000] [--seconds 4] [--nodes 100]

Measured: processor time of a second of audio, the plan, the journal. Given, with defaults for S3: the wait
for a request, the objects a second that one prefix takes, the network of a node, a listing, and a task of
Ray. A recording is fetched with one request and stored with one. Two ways are computed: one driver with a
Ray cluster (one journal), and a job array with `--shard`, in which every node plans by itself.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from table import print_table


@dataclass(frozen=True)
class Parts:
    """What one file costs, in seconds, and what a node and a store can do.

    Args:
        work_s: processor time of a file.
        wait_s: wait of a worker for the store, for a file.
        driver_s: time of the driver for a file: plan, dispatch, journal.
        plan_s: time for a name in the plan.
        bytes: that a file moves, in both directions.
    """

    work_s: float
    wait_s: float
    driver_s: float
    plan_s: float
    bytes: float


def main() -> None:
    """Compute both ways, and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", type=Path, help="figures of batch_parts.py")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a file")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    parser.add_argument("--wait-ms", type=float, default=40.0, help="for one request to the store")
    parser.add_argument("--node-mb-s", type=float, default=600.0, help="network of a node")
    parser.add_argument("--put-s", type=float, default=3500.0, help="objects a second that a prefix takes")
    parser.add_argument("--list-ms", type=float, default=150.0, help="for a listing of 1,000 names")
    parser.add_argument("--task-ms", type=float, default=1.0, help="driver's time for a task of Ray")
    arguments = parser.parse_args()
    parts = _parts(json.loads(arguments.parts.read_text(encoding="utf-8")), arguments)
    for title, rows in (("one driver, Ray", _ray(parts, arguments)), ("job array", _array(parts, arguments))):
        print(f"\n{title}: {sum(seconds for _, seconds in rows[:2]):.0f} s\n")
        print_table(["limit", "s"], rows)


def _parts(measured: dict[str, dict[str, float]], given: argparse.Namespace) -> Parts:
    files, speeds = measured["files"], measured["speeds"]
    cpu_s = speeds["1 process"][1]  # type: ignore[index]  # (multiple of real time, processor time)
    return Parts(
        work_s=cpu_s * given.seconds,
        wait_s=2 * given.wait_ms / 1000,
        driver_s=files["journal_s of a line"] + given.task_ms / 1000,
        plan_s=files["plan_s of a file"] + given.list_ms / 1e6,
        bytes=2 * 2 * 48_000 * given.seconds,
    )


def _limits(parts: Parts, given: argparse.Namespace) -> dict[str, float]:
    """How long the work takes where only one thing limits it."""
    workers = given.nodes * given.cores
    return {
        "processors": given.files * (parts.work_s + parts.wait_s) / workers,
        "of which they wait for the store": given.files * parts.wait_s / workers,
        "network of the nodes": given.files * parts.bytes / (given.nodes * given.node_mb_s * 1e6),
        "store: one prefix": given.files / given.put_s,
    }


def _ray(parts: Parts, given: argparse.Namespace) -> list[tuple[str, float]]:
    limits = {**_limits(parts, given), "driver: dispatch and journal": given.files * parts.driver_s}
    return _table(given.files * parts.plan_s, limits)


def _array(parts: Parts, given: argparse.Namespace) -> list[tuple[str, float]]:
    own = given.files / given.nodes * parts.driver_s
    return _table(given.files * parts.plan_s, {**_limits(parts, given), "driver of a node": own})


def _table(plan_s: float, limits: dict[str, float]) -> list[tuple[str, float]]:
    """The plan, then the tightest limit, then the others."""
    order = sorted(limits.items(), key=lambda item: -item[1])
    return [("plan, before all", plan_s), *order]


if __name__ == "__main__":
    main()
