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
import time
from pathlib import Path

import numpy as np
from table import print_table, write_json

STATEMENTS = {
    "numpy": "import numpy",
    "latentfx": "import latentfx",
    "latentfx with load and apply": "from latentfx import load, apply",
    "latentfx and a plugin, loaded": "import latentfx; latentfx.load('timbre-swap')",
}
COMMANDS = ("--help", "plugins", "info timbre-swap", "preset list")
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
    commands = {words: [_run(words) for _ in range(arguments.rounds + 1)][1:] for words in COMMANDS}
    walls = {words: float(np.median(seconds)) for words, seconds in commands.items()}
    print()
    print_table(
        ["command", "ms, median", "ms, least"],
        [(f"latentfx {words}", 1000 * walls[words], 1000 * min(commands[words])) for words in COMMANDS],
    )
    write_json(arguments.json, {"seconds": medians, "torch_imported": torch_came, "commands": walls})


def _run(words: str) -> float:
    command = [str(Path(sys.executable).with_name("latentfx")), *words.split()]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _measure(statement: str) -> tuple[float, bool]:
    command = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    seconds, torch = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), torch == "True"


if __name__ == "__main__":
    main()
