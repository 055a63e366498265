"""What a plugin takes live: callback times, late blocks, latency, MIDI delay.

    python examples/benchmarks/live.py timbre-swap [--seconds 30] [--blocks 64,128,256,512] [--json live.json]

Needs `jackd2` (Debian, Ubuntu) and `pip install jack-client`. Everything runs over PortAudio on private
JACK servers with a dummy driver. They have real-time priority where the system allows it, as the servers of
sound cards do.

Late blocks: the plugin plays in one process. A stream that only passes its input on plays at the same time
in another. This is measured idle, beside a process that keeps one core busy, and with a busy main thread in
the plugin's process. A block is late when its callback took longer than the block lasts, or when the plugin
had it not ready in time. Xruns are what JACK reports.

Latency and MIDI: a click and a controller go in at a known sample, and the server waits for late clients.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live_players
import numpy as np
from jack_card import RATE, JackServer, Rig
from table import print_table, write_json

LOADS = ("idle", "one core busy", "busy main thread")
COLUMNS = (
    *("block", "load", "place", "step p50 ms", "p99", "p99.9", "callback p50 ms", "p99", "p99.9"),
    *("deadline ms", "CPU", "late/min", "xruns/min", "through late/min", "through xruns/min"),
)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file; it needs the controls mix and output_db")
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds for each block size and load")
    parser.add_argument("--blocks", default="64,128,256,512")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    blocks = [int(text) for text in arguments.blocks.split(",")]
    runs = list(_runs(arguments.plugin, blocks, arguments.seconds))
    print(f"{arguments.plugin}: {arguments.seconds:g} s for each row\n")
    print_table(COLUMNS, map(_row, runs))
    delays = [_delays(arguments.plugin, block) for block in blocks]
    print()
    print_table(
        ["block", "place", "round trip ms", "reported ms", "MIDI to sound ms, median", "worst"],
        [tuple(delay.values()) for delay in delays],
    )
    write_json(arguments.json, {"plugin": arguments.plugin, "runs": runs, "delays": delays})


def play_beside(
    plugin: str, block: int, load: str, seconds: float, reserve_ms: float | None = None
) -> dict[str, Any]:
    """Play a plugin and a pass-through stream at the same time, on one server."""
    reserve = [] if reserve_ms is None else ["--reserve", str(reserve_ms)]
    with tempfile.TemporaryDirectory() as folder, JackServer(Path(folder), block, sync=False):
        burner = live_players.start("burn") if load == "one core busy" else None
        busy = ["--busy"] if load == "busy main thread" else []
        host = live_players.start("host", "--plugin", plugin, *busy, *reserve)
        through = live_players.start("through")
        time.sleep(seconds)
        passed, played = live_players.finish(through), live_players.finish(host)
        if burner is not None:
            live_players.finish(burner)
    return {"block": block, "load": load, "minutes": seconds / 60, "host": played, "through": passed}


def _runs(plugin: str, blocks: list[int], seconds: float) -> Iterator[dict[str, Any]]:
    for block in blocks:
        for load in LOADS:
            yield play_beside(plugin, block, load, seconds)


def _row(run: dict[str, Any]) -> tuple[object, ...]:
    host, through, minutes = run["host"], run["through"], run["minutes"]
    step, callback = host["step_ms"], host["callback_ms"]
    names = ("p50", "p99", "p999")
    return (
        run["block"],
        run["load"],
        host["place"],
        *(f"{step[name]:.2f}" for name in names),
        *(f"{callback[name]:.2f}" for name in names),
        f"{host['deadline_ms']:.2f}",
        f"{host['cpu_share']:.0%}",
        *(round(source[name] / minutes) for source in (host, through) for name in ("late", "xruns")),
    )


def _delays(plugin: str, block: int) -> dict[str, object]:
    """Milliseconds of a click's round trip, and until a controller is heard."""
    with tempfile.TemporaryDirectory() as folder, JackServer(Path(folder), block):
        rig = Rig()
        devices = ("--input", "horn", "--output", "room")
        host = live_players.start("host", "--plugin", plugin, *devices, "--midi", "--dry")
        rig.connect_midi("latentfx")
        rig.play(np.zeros((1, RATE // 2)))
        click = np.zeros((1, RATE // 2), np.float32)
        click[0, 1000] = 0.5
        heard = rig.play(click)[0]
        trip = int(np.abs(heard).argmax()) - 1000
        waits = _midi_waits(rig)
        stats = live_players.finish(host)
        rig.close()
    return {
        "block": block,
        "place": stats["place"],
        "round_trip_ms": 1000 * trip / RATE,
        "reported_ms": stats["total_ms"],
        "midi_ms": float(np.median(waits)),
        "midi_worst_ms": max(waits),
    }


def _midi_waits(rig: Rig, count: int = 20) -> list[float]:
    """Turn the level of a steady signal down and up again, at random moments."""
    rng = np.random.default_rng(0)
    times = [RATE // 2 * (index + 1) + int(rng.integers(0, 2048)) for index in range(count)]
    values = [0 if index % 2 == 0 else 127 for index in range(count)]
    events = [(when, bytes([0xB0, 7, value])) for when, value in zip(times, values, strict=True)]
    heard = rig.play(
        np.full((1, RATE // 2 * (count + 2)), 0.25, np.float32), [(0, bytes([0xB0, 7, 127])), *events]
    )[0]
    waits = []
    for when in times:
        before = float(heard[when - 1])
        moved = np.flatnonzero(np.abs(heard[when:] - before) > 0.01 * 0.25)
        waits.append(1000 * int(moved[0]) / RATE)
    return waits


if __name__ == "__main__":
    main()
