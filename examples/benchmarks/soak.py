"""Minutes of live playing under load: as few missed blocks as a pass-through stream, and flat memory.

    python examples/benchmarks/soak.py timbre-swap [--minutes 10] [--blocks 128,256] [--json soak.json]

Plays as `live.py` does, beside a process that keeps one core busy. Words of the table:

    late      blocks that missed their time in the callback
    faded     late blocks that the plugin had not ready in time
    xruns     blocks that missed their time before the callback
    missed    late + xruns: the load of the machine decides which of the two a block becomes
    ratio     missed, over the missed blocks of the stream beside it, which only passes its input on

The exit status is 1 in two cases: the plugin's stream missed more blocks than the stream beside it by more
than chance (two standard deviations of the difference of two such counts), or memory grew by more than 5 MB
after the first minute.

On a virtual machine the hypervisor may stop a processor for longer than any stream holds in hand. A stream
that computes nothing hardly notices. The seconds in which this happens, and the second after each, are
counted apart. The rule applies to the other seconds, the calm ones. On a real machine all seconds are calm.
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
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes for each block size")
    parser.add_argument("--blocks", default="128,256")
    parser.add_argument(
        "--reserve", type=float, help="milliseconds that the worker keeps in hand; by default measured"
    )
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
    """Blocks lost in calm seconds, and their number: the hypervisor took no time then or just before."""
    lost, stolen = np.diff(np.array(seconds), axis=0).T
    disturbed = stolen > STOLEN_S
    calm = ~disturbed & ~np.concatenate([[True], disturbed[:-1]])
    return int(lost[calm].sum()), int(calm.sum())


if __name__ == "__main__":
    sys.exit(main())
