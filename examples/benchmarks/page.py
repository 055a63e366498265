"""What the page costs the sound: blocks that miss their time while two pages are open, beside other streams.

    python examples/benchmarks/page.py timbre-swap [--minutes 2] [--block 128] [--pages 2] [--json page.json]

Three streams play at once on one server, each in a process of its own: the plugin whose pages Chromium shows,
with a point that walks round the map; the same plugin without a page; and one that only passes its input on.
So all of them meet the same machine, browser and all. A block is missed as in `soak.py`, and counts from when
all of them play. Needs what `live.py` needs, Chromium, and the extra `ui`.
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

COLUMNS = ("stream", "seconds", "missed", "CPU")
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
    parser.add_argument("--minutes", type=float, default=2.0, help="how long all of them play")
    parser.add_argument("--block", type=int, default=128)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    played, frames = _play(arguments)
    rows = [_row(name, counts) for name, counts in played.items()]
    print(f"{arguments.plugin}: {arguments.minutes:g} minutes, blocks of {arguments.block}")
    print(f"{arguments.pages} pages, each told {frames:.1f} times a second\n")
    print_table(COLUMNS, rows)
    result = {"plugin": arguments.plugin, "frames": frames, "columns": COLUMNS, "rows": rows}
    write_json(arguments.json, result)


def _play(arguments: argparse.Namespace) -> tuple[dict[str, dict[str, Any]], float]:
    """What each stream counted, and how often a page was told in a second."""
    plugin = ("--plugin", arguments.plugin)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(JackServer(folder, arguments.block, sync=False))
        shown = live_players.start("host", *plugin, "--page")
        windows = stack.enter_context(_windows(shown, arguments.pages, folder))
        alone, through = live_players.start("host", *plugin), live_players.start("through")
        begin, before = time.monotonic(), _frames(windows)
        time.sleep(60 * arguments.minutes)
        frames = (_frames(windows) - before) / arguments.pages / (time.monotonic() - begin)
        streams = {"with pages": shown, "without": alone, "through": through}
        played = {name: live_players.finish(process) for name, process in streams.items()}
    shared = min(len(counts["seconds"]) for counts in played.values())
    return {name: counts | {"shared": shared} for name, counts in played.items()}, frames


@contextmanager
def _windows(shown: Any, pages: int, folder: Path) -> Iterator[list[Any]]:
    """Open windows, let each count the frames that it is told, and walk round the map."""
    with ExitStack() as stack:
        windows: list[Any] = []
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


def _row(name: str, counts: dict[str, Any]) -> tuple[object, ...]:
    lost = [missed for missed, _ in counts["seconds"][-counts["shared"] :]]
    share = f"{counts['cpu_share']:.0%}" if "cpu_share" in counts else "-"
    return name, len(lost) - 1, lost[-1] - lost[0], share


if __name__ == "__main__":
    main()
