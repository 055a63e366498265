"""How fast `latentfx.apply` is on one thread, as a multiple of real time.

    python examples/benchmarks/apply_speed.py timbre-swap [--seconds 60] [--json speed.json]

A minute of violin goes through the plugin several times over: as an array at the plugin's rate, as an array
at 44.1 kHz (resampled there and back), and from FLAC to FLAC. The table shows the median and the best round.
On a busy machine the best round is nearer to what the plugin costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from signals import violin
from table import print_table, write_json

import latentfx


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the audio")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    plugin = latentfx.load(arguments.plugin, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        jobs = _jobs(plugin, arguments.seconds, Path(folder))
        speeds = {name: _speeds(job, arguments.seconds, arguments.rounds) for name, job in jobs.items()}
    rows = [(name, float(np.median(values)), max(values)) for name, values in speeds.items()]
    print(f"{plugin.name}: {arguments.seconds:g} s of audio, {arguments.rounds} rounds, one thread\n")
    print_table(["from, to", "times real time, median", "best"], rows)
    write_json(arguments.json, {"plugin": plugin.name, "times_real_time": speeds})


def _jobs(plugin: latentfx.LatentPlugin, seconds: float, folder: Path) -> dict[str, Callable[[], object]]:
    rate = plugin.sample_rate
    native, other = violin(rate, seconds), violin(44_100, seconds)
    source, target = folder / "source.flac", folder / "target.flac"
    soundfile.write(source, native, rate)
    return {
        f"array at {rate} Hz": lambda: latentfx.apply(native, plugin=plugin, sample_rate=rate),
        "array at 44100 Hz": lambda: latentfx.apply(other, plugin=plugin, sample_rate=44_100),
        f"FLAC at {rate} Hz": lambda: latentfx.apply(source, target, plugin),
    }


def _speeds(job: Callable[[], object], seconds: float, rounds: int) -> list[float]:
    """Multiples of real time, after one round that is not counted."""
    job()
    speeds = []
    for _ in range(rounds):
        started = time.perf_counter()
        job()
        speeds.append(seconds / (time.perf_counter() - started))
    return speeds


if __name__ == "__main__":
    main()
