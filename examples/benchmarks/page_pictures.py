"""Take the two pictures of the page that the README shows, while a violin plays.

    python examples/benchmarks/page_pictures.py examples/pictures

Writes page-map.png, dark, and page-ring.png, light. Needs Chromium, its driver, and Pillow.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path

import live_players
from chromium import Browser
from PIL import Image

AUDIO = Path(__file__).resolve().parents[1] / "audio" / "violin.flac"
COLOURS = 64
SETTLE_S = 2.5
SIZE = (1100, 880)
BLEND = {"timbre_violin": 0.0, "timbre_altosax": 0.5, "timbre_flute": 0.3, "timbre_trumpet": 0.2}
# Name -> plugin, settings, whether it is dark.
PICTURES = {"page-map": ("timbre-swap", BLEND, True), "page-ring": ("ring", {"steps": 4.0}, False)}
SET = """
const [values, done] = arguments;
import("/page/main.js").then(({surface}) => {
  surface.send({do: "set", values});
  done();
});
"""


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where they go")
    folder = parser.parse_args().folder
    for name, (plugin, values, dark) in PICTURES.items():
        host = live_players.start("decoy", "--plugin", plugin, "--audio", AUDIO)
        assert host.stdout is not None
        with tempfile.TemporaryDirectory() as profile:
            window = Browser(Path(profile), *SIZE, dark=dark)
            window.open(host.stdout.readline().strip())
            window.driver.execute_async_script(SET, values)
            time.sleep(SETTLE_S)
            picture = Image.open(io.BytesIO(window.driver.get_screenshot_as_png())).convert("RGB")
            picture.quantize(COLOURS).save(folder / f"{name}.png", optimize=True)
            window.close()
        live_players.finish(host)


if __name__ == "__main__":
    main()
