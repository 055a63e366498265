"""How long it takes to import latentfx, beside numpy, and whether torch is imported too.

    python examples/benchmarks/import_time.py [--rounds 10] [--json import.json]

Each import runs in a fresh process, which takes the time itself: the start of Python does not count. A
first round fills the disk cache and is not counted. `latentfx` alone imports nothing heavy. `load` and
`apply` bring onnxruntime.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from table import print_table, write_json

STATEMENTS = {
    "numpy": "import numpy",
    "latentfx": "import latentfx",
    "latentfx with load and apply": "from latentfx import load, apply",
}
PROGRAM = """
import sys, time
started = time.perf_counter()
{statement}
print(time.perf_counter() - started, "torch" in sys.modules)
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    runs = {
        name: [_measure(text) for _ in range(arguments.rounds + 1)][1:] for name, text in STATEMENTS.items()
    }
    medians = {name: float(np.median([seconds for seconds, _ in results])) for name, results in runs.items()}
    torch_came = {name: any(torch for _, torch in results) for name, results in runs.items()}
    rows = [
        (name, 1000 * seconds, seconds / medians["numpy"], "yes" if torch_came[name] else "no")
        for name, seconds in medians.items()
    ]
    print_table(["import", "ms, median", "times numpy", "torch imported"], rows)
    write_json(arguments.json, {"seconds": medians, "torch_imported": torch_came})


def _measure(statement: str) -> tuple[float, bool]:
    command = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    seconds, torch = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), torch == "True"


if __name__ == "__main__":
    main()
