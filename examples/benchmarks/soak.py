"""Minutes of live playing under load: no more late blocks than a pass-through stream has, and flat memory.

    python examples/benchmarks/soak.py timbre-swap [--minutes 10] [--blocks 128,256] [--json soak.json]

As `live.py`, beside a process that keeps one core busy. Ends with 1 when the plugin's stream had more late
blocks and xruns than the stream beside it that only passes its input on, or when memory grew by more than
5 MB after the first minute.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from live import play_beside
from table import print_table, write_json

MOST_GROWTH_MB = 5.0
WARM_UP_S = 60


def main() -> int:
    """Run the soak and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each block size")
    parser.add_argument("--blocks", default="128,256")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    rows, bad = [], []
    for block in map(int, arguments.blocks.split(",")):
        run = play_beside(arguments.plugin, block, "one core busy", 60 * arguments.minutes)
        host, through = run["host"], run["through"]
        memory = host["memory_mb"][min(WARM_UP_S, len(host["memory_mb"]) // 2) :]
        growth = memory[-1] - memory[0]
        lost, beside = (source["late"] + source["xruns"] for source in (host, through))
        rows.append(
            (block, host["place"], host["late"], host["xruns"], through["late"], through["xruns"], growth)
        )
        if lost > beside:
            bad.append(f"{block}: {lost} late blocks and xruns, {beside} beside it")
        if growth > MOST_GROWTH_MB:
            bad.append(f"{block}: memory grew by {growth:.1f} MB")
    columns = ("block", "place", "late", "xruns", "through late", "through xruns", "memory MB")
    print(f"{arguments.plugin}: {arguments.minutes:g} minutes each, one core busy\n")
    print_table(columns, rows)
    write_json(arguments.json, {"plugin": arguments.plugin, "rows": rows, "failures": bad})
    print("\n".join(bad) or "\nno more than the stream beside it; memory flat")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
