"""What the page costs: blocks that miss their time while two pages are open, beside a pass-through stream.

    python examples/benchmarks/page.py timbre-swap [--minutes 2] [--block 128] [--pages 2] [--json page.json]

A plugin plays while Chromium shows so many pages, on which a point walks round the map. Three kinds take
turns:

    none      no page is open
    decoy     the pages show another process: the machine draws them, and the plugin serves none
    page      the pages show the plugin that plays

In a process of its own a stream only passes its input on. Blocks are counted as `soak.py` counts them. What a
page costs the machine is decoy against none; what serving it costs the sound is page against decoy. Needs
what `live.py` needs, Chromium, and the extra `ui`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import live_players
from chromium import Browser
from jack_card import JackServer
from table import print_table, write_json

COLUMNS = (
    *("pages show", "minutes", "frames/s", "late", "xruns", "missed"),
    *("through late", "through xruns", "through missed", "ratio", "CPU"),
)
KINDS = ("none", "decoy", "page")
ROUNDS = 2
COUNT = """
const done = arguments[0];
import("/page/main.js").then(({surface}) => {
  window.frames_seen = 0;
  surface.listen((changed) => (window.frames_seen += changed.has("meters")));
  done();
});
"""
WALK = """
const done = arguments[0];
import("/page/main.js").then(({surface}) => {
  const {labels} = surface.state.plugin.blends[0];
  const names = Object.values(labels).slice(0, 8);
  const one = (chosen) => Object.fromEntries(names.map((name) => [name, Number(name === chosen)]));
  const steps = names.map(one);
  const points = steps.map((_, at) => [0.5 + 0.3 * Math.sin(at), 0.5 + 0.3 * Math.cos(at)]);
  surface.send({do: "loop", blend: surface.state.plugin.blends[0].name, seconds: 4, points, steps});
  done();
});
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file; it needs a blend")
    parser.add_argument("--minutes", type=float, default=2.0, help="minutes of each kind")
    parser.add_argument("--block", type=int, default=128)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    sums: dict[str, dict[str, float]] = {}
    for kind in KINDS * ROUNDS:
        run = _play(arguments, kind, 60 * arguments.minutes / ROUNDS)
        known = sums.setdefault(kind, dict.fromkeys(run, 0.0))
        for name, value in run.items():
            known[name] += value
    rows = [_row(kind, run, arguments.minutes) for kind, run in sums.items()]
    print(f"{arguments.plugin}: blocks of {arguments.block}, {arguments.pages} pages\n")
    print_table(COLUMNS, rows)
    write_json(arguments.json, {"plugin": arguments.plugin, "columns": COLUMNS, "rows": rows})


def _play(arguments: argparse.Namespace, kind: str, seconds: float) -> dict[str, float]:
    """Play a plugin while pages are open, and a pass-through stream beside it."""
    plugin = ("--plugin", arguments.plugin)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(JackServer(folder, arguments.block, sync=False))
        host = live_players.start("host", *plugin, *(["--page"] if kind == "page" else []))
        shown = host if kind == "page" else live_players.start("decoy", *plugin) if kind == "decoy" else None
        windows = stack.enter_context(_windows(shown, arguments.pages, folder))
        through = live_players.start("through")
        begin, before = time.monotonic(), _frames(windows)
        time.sleep(seconds)
        rate = (_frames(windows) - before) / max(len(windows), 1) / (time.monotonic() - begin)
        passed, played = live_players.finish(through), live_players.finish(host)
        if kind == "decoy" and shown is not None:
            live_players.finish(shown)
    counts = {name: played[name] for name in ("late", "xruns")}
    counts |= {f"through {name}": passed[name] for name in ("late", "xruns")}
    return {"frames": rate, "cpu": played["cpu_share"], **counts}


@contextmanager
def _windows(shown: Any, pages: int, folder: Path) -> Iterator[list[Any]]:
    """Open windows, let each count the frames that it is told, and walk round the map."""
    with ExitStack() as stack:
        windows: list[Any] = []
        if shown is not None:
            url = shown.stdout.readline().strip()
            for number in range(pages):
                window = Browser(folder / f"profile-{number}")
                stack.callback(window.close)
                window.open(url)
                window.driver.execute_async_script(COUNT)
                windows.append(window)
            windows[0].driver.execute_async_script(WALK)
        yield windows


def _frames(windows: list[Any]) -> int:
    """Frames that all windows were told so far."""
    return sum(window.js("return window.frames_seen") for window in windows)


def _row(kind: str, run: dict[str, float], minutes: float) -> tuple[object, ...]:
    missed, beside = run["late"] + run["xruns"], run["through late"] + run["through xruns"]
    counts = (run["late"], run["xruns"], missed, run["through late"], run["through xruns"], beside)
    ratio = f"{missed / beside:.2f}" if beside else "-"
    return (
        kind,
        minutes,
        f"{run['frames'] / ROUNDS:.1f}",
        *map(int, counts),
        ratio,
        f"{run['cpu'] / ROUNDS:.0%}",
    )


if __name__ == "__main__":
    main()
