"""Minutes of live playing under load: no more late blocks than a pass-through stream has, and flat memory.

    python examples/benchmarks/soak.py timbre-swap [--minutes 10] [--blocks 128,256] [--json soak.json]

As `live.py`, beside a process that keeps one core busy. "Faded" are blocks that the plugin had not ready. A
block that missed its time did so in its callback ("late", the faded among them) or before it ("xruns"), which
the load of the machine decides: what counts is their sum, "missed", and its ratio to that of the stream
beside it. Ends with 1 when the plugin's stream had more late
blocks and xruns than the stream beside it that only passes its input on, by more than chance (two standard
deviations of the difference of two such counts), or when memory grew by more than 5 MB after the first
minute.

On a virtual machine the hypervisor may stop a processor for longer than any stream holds in hand, and a
stream that computes nothing hardly notices. Seconds in which it took time, and the second after each, are
counted apart; the rule is held against the others, the calm ones. On a real machine all are calm.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from live import play_beside
from table import print_table, write_json

MOST_GROWTH_MB = 5.0
WARM_UP_S = 60
STOLEN_S = 0.015


def main() -> int:
    """Run the soak and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each block size")
    parser.add_argument("--blocks", default="128,256")
    parser.add_argument("--reserve", type=float, help="ms that the worker keeps in hand; measured by default")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    rows, missed, bad = [], [], []
    for block in map(int, arguments.blocks.split(",")):
        run = play_beside(arguments.plugin, block, "one core busy", 60 * arguments.minutes, arguments.reserve)
        host, through = run["host"], run["through"]
        memory = host["memory_mb"][min(WARM_UP_S, len(host["memory_mb"]) // 2) :]
        growth = memory[-1] - memory[0]
        (lost, calm), (beside, _) = _lost_while_calm(host["seconds"]), _lost_while_calm(through["seconds"])
        counts = [source[kind] for source in (host, through) for kind in ("late", "xruns")]
        ours, theirs = sum(counts[:2]), sum(counts[2:])
        ratio = ours / theirs if theirs else None
        rows.append(
            (block, host["place"], host["faded"], *counts, ours, theirs, ratio, growth, calm, lost, beside)
        )
        times = "" if ratio is None else f", {ratio:.2f} times as many"
        missed.append(f"{block}: {ours} blocks missed their time, {theirs} beside it{times}")
        if calm == 0:
            bad.append(f"{block}: no second was calm")
        if lost - beside > 2.0 * math.sqrt(lost + beside):
            bad.append(f"{block}: {lost} late blocks and xruns in calm seconds, {beside} beside it")
        if growth > MOST_GROWTH_MB:
            bad.append(f"{block}: memory grew by {growth:.1f} MB")
    columns = (
        *("block", "place", "faded", "late", "xruns", "through late", "through xruns"),
        *("missed", "through missed", "ratio", "memory MB"),
        *("calm s", "lost in them", "through lost"),
    )
    print(f"{arguments.plugin}: {arguments.minutes:g} minutes each, one core busy\n")
    print_table(columns, [["-" if value is None else value for value in row] for row in rows])
    result = {"plugin": arguments.plugin, "columns": columns, "rows": rows, "missed": missed}
    write_json(arguments.json, result | {"failures": bad})
    print("", *missed, sep="\n")
    print("\n".join(bad) or "no more than the stream beside it, but for chance; memory flat")
    return bool(bad)


def _lost_while_calm(seconds: Sequence[tuple[int, float]]) -> tuple[int, int]:
    """Blocks lost in the seconds in which no hypervisor took time, nor in those before; and their number."""
    lost, stolen = np.diff(np.array(seconds), axis=0).T
    disturbed = stolen > STOLEN_S
    calm = ~disturbed & ~np.concatenate([[True], disturbed[:-1]])
    return int(lost[calm].sum()), int(calm.sum())


if __name__ == "__main__":
    sys.exit(main())
