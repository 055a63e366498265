"""Put the map of timbres into plugin files that were written without one; their sound stays as it is.

    python examples/restamp.py [FILE ...]

Without files it looks after those that come with latentfx. A new export writes the map by itself. Needs the
extra `lab`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from latentfx.export.restamp import restamp

SHIPPED = Path(__file__).resolve().parents[1] / "presets" / "plugins"


def main() -> None:
    """Restamp each file, and say what changed."""
    parser = argparse.ArgumentParser(description="Put the map of timbres into plugin files.")
    parser.add_argument("files", nargs="*", type=Path, default=sorted(SHIPPED.glob("*.onnx")))
    for path in parser.parse_args().files:
        print(f"{path}: {'restamped' if restamp(path) else 'as it was'}")


if __name__ == "__main__":
    main()
