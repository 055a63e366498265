"""What one step of a plugin costs: the time of each block on one thread.

    python examples/benchmarks/step_cost.py timbre-swap [--steps 20000] [--json step.json]

Blocks of a violin recording go through the plugin one by one, as in a live host. The garbage collector is
off. The budget is the time that a block lasts. A step that takes longer is heard as a dropout.
"""

from __future__ import annotations

import argparse
import gc
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from signals import violin
from table import print_table, write_json

import latentfx


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--steps", type=int, default=20_000, help="number of steps that are measured")
    parser.add_argument("--warm-up", type=int, default=500, help="number of steps before them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    plugin = latentfx.load(arguments.plugin, threads=1)
    budget_ms = 1000 * plugin.spec.block_size / plugin.sample_rate
    times_ms = step_times_ms(plugin, arguments.steps, arguments.warm_up)
    names = ("p50", "p99", "p99.9", "max")
    figures = dict(zip(names, np.percentile(times_ms, (50, 99, 99.9, 100)).tolist(), strict=True))
    print(
        f"{plugin.name}: {arguments.steps} steps of {plugin.spec.block_size} samples, "
        f"budget {budget_ms:.3f} ms\n"
    )
    rows = [(name, value, f"{value / budget_ms:.1%}") for name, value in figures.items()]
    print_table(["step", "ms", "of the budget"], rows)
    write_json(arguments.json, {"plugin": plugin.name, "budget_ms": budget_ms, "step_ms": figures})


def step_times_ms(plugin: latentfx.LatentPlugin, steps: int, warm_up: int) -> NDArray[np.float64]:
    """Time of each step after the warm-up.

    Shape:
        -> [steps]
    """
    size, channels = plugin.spec.block_size, plugin.spec.in_channels
    audio = np.resize(violin(plugin.sample_rate), (steps + warm_up, 1, size))
    blocks = np.ascontiguousarray(np.repeat(audio, channels, axis=1))
    stream = plugin.blocks(1)
    times_ns = np.zeros(len(blocks), np.int64)
    gc.disable()
    for index, block in enumerate(blocks):
        started = time.perf_counter_ns()
        stream.step(block[None])
        times_ns[index] = time.perf_counter_ns() - started
    gc.enable()
    return times_ns[warm_up:] / 1e6


if __name__ == "__main__":
    main()
