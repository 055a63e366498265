"""How much memory `latentfx.apply` takes for a short and for a long file.

    python examples/benchmarks/memory.py timbre-swap [--minutes 1 60] [--json memory.json]

Each length is converted in a process of its own, from a mono 16-bit WAV at 48 kHz into another. The table
shows the peak of resident memory that the operating system reports at its end. One more process only loads
the plugin. The files lie in a temporary folder (0.7 GB for an hour). Linux and macOS.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile
from signals import violin
from table import print_table, write_json

import latentfx

SAMPLE_RATE = 48_000


def main() -> None:
    """Run the benchmark, or one conversion of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 60.0])
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument(
        "--convert", type=Path, nargs="*", help="convert SOURCE to TARGET and print the peak in MB"
    )
    arguments = parser.parse_args()
    if arguments.convert is not None:
        print(_convert(arguments.plugin, arguments.convert))
        return
    peaks = {"no audio": _peak_mb(arguments.plugin, [])}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.wav", Path(folder) / "target.wav"
        for minutes in arguments.minutes:
            _write(source, minutes)
            peaks[f"{minutes:g} min"] = _peak_mb(arguments.plugin, [source, target])
    print_table(["length", "peak MB"], list(peaks.items()))
    write_json(arguments.json, {"plugin": arguments.plugin, "peak_mb": peaks})


def _convert(plugin: str, files: list[Path]) -> float:
    loaded = latentfx.load(plugin)
    if files:
        latentfx.apply(files[0], files[1], loaded)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _peak_mb(plugin: str, files: list[Path]) -> float:
    command = [sys.executable, __file__, plugin, "--convert", *map(str, files)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _write(path: Path, minutes: float) -> None:
    minute = violin(SAMPLE_RATE, 60.0)
    left = round(minutes * 60 * SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        while left > 0:
            file.write(minute[:left])
            left -= len(minute)


if __name__ == "__main__":
    main()
