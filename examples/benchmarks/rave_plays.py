"""RAVE v1 and v2, played as plugins of ours: what is read of them, measured, and turned.

    python examples/benchmarks/rave_plays.py --python RAVE-ENVIRONMENT/bin/python

The package of RAVE builds the models with random weights (see `against_rave.py`); or give `.ts` files of your
own. Each runs through a recording and through a live host without a device. What both make is compared, and
every dimension of the code is turned once.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from against_rave import build
from table import print_table, write_json

import latentfx
from latentfx.host.runtime import LatentPlugin

COLUMNS = (
    "",
    "Hz",
    "block",
    "latency, ms",
    "dimensions",
    "first load, s",
    "times real time",
    "live from file",
    "turned by the code",
)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help=".ts files; RAVE builds two where none is given")
    parser.add_argument("--python", default=sys.executable, help="Python that has RAVE installed")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sound through each model")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.files:
            build(arguments.python, folder)
        files = arguments.files or sorted(Path(folder).glob("*.ts"))
        rows = [row for file in files for row in measure(file, arguments.seconds)]
    print_table(COLUMNS, rows)
    write_json(arguments.json, {str(row[0]): dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in rows})


def measure(file: Path, seconds: float) -> Iterator[tuple[object, ...]]:
    """Play one file every way."""
    begin = time.perf_counter()
    plugin = latentfx.load(file, trust=True)
    loaded_s = time.perf_counter() - begin
    spec = plugin.spec
    sound = 0.1 * np.random.default_rng(0).standard_normal(
        (spec.in_channels, int(seconds * spec.sample_rate))
    )
    rows = sound.astype(np.float32)
    begin = time.perf_counter()
    heard = plugin(rows, spec.sample_rate)
    speed = seconds / (time.perf_counter() - begin)
    offsets = [control.name for control in spec.controls if control.name.endswith("_offset")]
    turned = [_gap(heard, _turned(plugin, name)(rows, spec.sample_rate)) for name in offsets[:4]]
    yield (
        file.stem,
        spec.sample_rate,
        spec.block_size,
        1000 * spec.latency / spec.sample_rate,
        len(offsets),
        loaded_s,
        speed,
        _live_gap(plugin, rows, heard),
        min(turned, default=0.0),
    )


def _turned(plugin: LatentPlugin, name: str) -> LatentPlugin:
    return plugin.copy().set(**{name: 2.0})


def _gap(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, as a share of the peak."""
    return float(np.abs(one - other).max() / max(float(np.abs(one).max()), 1e-12))


def _live_gap(plugin: LatentPlugin, rows: np.ndarray, heard: np.ndarray) -> float:
    with latentfx.LiveHost(plugin, channels=rows.shape[0], block=1024, place="worker") as host:
        starts = range(0, rows.shape[1] - 1024, 1024)
        live = np.concatenate([host.process(rows[:, at : at + 1024]) for at in starts], axis=1)
        late = host.latency
    return _gap(heard[:, : live.shape[1] - late], live[:, late:])


if __name__ == "__main__":
    main()
