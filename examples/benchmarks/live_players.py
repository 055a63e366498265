"""Programs that play on the devices of a JACK server, each in its own process, and measure themselves."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile

import latentfx
from latentfx.preset import list_presets
from latentfx.realtime import LiveHost
from latentfx.realtime.surface import Surface
from latentfx.realtime.ui import open_page


def start(kind: str, *options: object) -> subprocess.Popen[str]:
    """Start a program of this file: `host`, `through`, `burn` or `decoy`."""
    words = [sys.executable, __file__, kind, *map(str, options)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready = process.stdout.readline()
    if ready != "ready\n":
        raise SystemExit(f"{kind} did not start: {ready}{process.stdout.read()}")
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """End a program and return what it measured."""
    out, _ = process.communicate("end\n", timeout=60)
    result: dict[str, Any] = json.loads(out or "{}")
    return result


def host(arguments: argparse.Namespace) -> None:
    """Play a plugin, and print times and late blocks."""
    stream = latentfx.live(
        arguments.plugin,
        input=arguments.input,
        output=arguments.output,
        midi=["virtual"] if arguments.midi else [],
        bindings=["cc:7=output_db:-24..0"] if arguments.midi else [],
        place=None if arguments.place == "auto" else arguments.place,
        reserve_s=arguments.reserve and arguments.reserve / 1000,
        **({"mix": 0.0} if arguments.dry else {}),
    )
    with ExitStack() as stack:
        playing = stack.enter_context(stream)
        ended = _end_of_input()
        print("ready", flush=True)
        if arguments.page:
            print(stack.enter_context(open_page(Surface(stream), port=0)).url, flush=True)
        begin, used = time.monotonic(), _cpu_s()
        memory, seconds = [_memory_mb()], [_second(0)]
        while not ended.wait(0 if arguments.busy else 1.0):
            if arguments.busy:
                sum(index * index for index in range(20_000))
            else:
                now = playing.stats()
                memory.append(_memory_mb())
                seconds.append(_second(now.late + now.xruns))
        share = (_cpu_s() - used) / (time.monotonic() - begin)
        stats = playing.stats()
    result = asdict(stats) | {"cpu_share": share, "total_ms": stats.latency.total, "memory_mb": memory}
    result["seconds"] = seconds
    print(json.dumps(result), flush=True)


def through(arguments: argparse.Namespace) -> None:
    """Pass blocks on unchanged: shows how many this machine misses by itself."""
    import sounddevice

    from latentfx.realtime.stats import Times
    from latentfx.realtime.steady import steady

    times, lost = Times(), [0, 0]

    def callback(indata: Any, outdata: Any, frames: int, when: Any, status: Any) -> None:
        begin = time.perf_counter_ns()
        outdata[:] = indata
        took = time.perf_counter_ns() - begin
        times.add(took)
        lost[0] += bool(status)
        lost[1] += took > 1e9 * frames / 48_000

    devices = (arguments.input, arguments.output)
    stream = sounddevice.Stream(
        48_000, 0, devices, channels=(1, 2), dtype="float32", latency="low", callback=callback
    )
    seconds = [_second(0)]
    with steady(), stream:
        ended = _end_of_input()
        print("ready", flush=True)
        while not ended.wait(1.0):
            seconds.append(_second(sum(lost)))
    result = {"xruns": lost[0], "late": lost[1], "blocks": times.count, "seconds": seconds}
    print(json.dumps(result | {"callback_ms": asdict(times.spread())}))


def decoy(arguments: argparse.Namespace) -> None:
    """Serve the page of a plugin that plays silence or a recording to nobody: it opens no device."""
    audio = np.zeros((1, 1 << 16), np.float32)
    if arguments.audio:
        audio = soundfile.read(arguments.audio, dtype="float32", always_2d=True)[0].T[:1]
    settings = {"block": 256, "place": "callback", "presets": list_presets(arguments.plugin)}
    with LiveHost(latentfx.load(arguments.plugin), 48_000, **settings) as quiet:
        source, target = SimpleNamespace(name="USB Mic"), SimpleNamespace(name="Headphones")
        wire = SimpleNamespace(label="nothing", source=source, target=target)
        rest = {"waiting": False, "recorder": None, "recording": False, "midi": ("keys",)}
        stream: Any = SimpleNamespace(host=quiet, wire=wire, **rest)
        with open_page(Surface(stream), port=0) as page:
            ended, begin, at = _end_of_input(), time.monotonic(), 0
            print("ready", page.url, sep="\n", flush=True)
            while not ended.wait(max(at / 48_000 - (time.monotonic() - begin), 0)):
                place = at % (audio.shape[1] - 256)
                quiet.process(audio[:, place : place + 256])
                quiet.meters.late = 0  # of no device
                at += 256


def burn() -> None:
    """Keep one core busy."""
    threading.Thread(target=lambda: (sys.stdin.readline(), os._exit(0)), daemon=True).start()
    print("ready", flush=True)
    while True:
        sum(index * index for index in range(100_000))


def _end_of_input() -> threading.Event:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    return ended


def _second(lost: int) -> tuple[int, float]:
    """Blocks lost so far, and processor seconds that a hypervisor has taken from this machine so far."""
    return lost, _stolen_s()


def _stolen_s() -> float:
    if not Path("/proc/stat").exists():
        return 0.0
    total = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return int(total[8]) / os.sysconf("SC_CLK_TCK")


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory_mb() -> float:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def main(words: Sequence[str] | None = None) -> None:
    """Run one of the programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("host", "through", "burn", "decoy"))
    parser.add_argument("--plugin", default="timbre-swap")
    parser.add_argument("--input", default="system")
    parser.add_argument("--output", default="system")
    parser.add_argument("--place", default="auto")
    parser.add_argument("--reserve", type=float)
    parser.add_argument("--busy", action="store_true", help="keep the main thread busy")
    parser.add_argument("--midi", action="store_true", help="open a MIDI port that turns the level")
    parser.add_argument("--audio", type=Path, help="what a decoy plays")
    parser.add_argument("--page", action="store_true", help="serve the page, and print its address")
    parser.add_argument("--dry", action="store_true", help="mix at 0: the input, delayed as the effect is")
    arguments = parser.parse_args(words)
    if arguments.kind == "burn":
        burn()
    else:
        {"host": host, "through": through, "decoy": decoy}[arguments.kind](arguments)


if __name__ == "__main__":
    main()
