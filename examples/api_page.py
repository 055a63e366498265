"""Write the API as HTML pages, made from the docstrings by pdoc.

    python examples/api_page.py api

Open `api/latentfx.html` then. Needs the extras `docs` and `lab`.
"""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

import pdoc
import pdoc.render

import latentfx

# What users import. A package without `__all__` comes with all of its modules.
PUBLIC = (
    "latentfx",
    "latentfx.control",
    "latentfx.effect",
    "latentfx.errors",
    "latentfx.export",
    "latentfx.plugin",
    "latentfx.presets",
    "latentfx.realtime",
    "latentfx.spec",
    "latentfx.stages",
    "latentfx.testing",
    "latentfx.dsp",
    "latentfx.operators",
)


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("api"), help="where to write (api)")
    folder = parser.parse_args().folder
    write(folder)
    print(f"{folder / 'latentfx.html'}: {len([*folder.rglob('*.html')])} pages")


def write(folder: Path) -> None:
    """Write a page for every public module, an index and a search."""
    for name in latentfx.__all__:
        getattr(latentfx, name)  # imports it: pdoc shows only what is there already
    pdoc.render.configure(docformat="google", footer_text="latentfx " + version("latentfx"))
    pdoc.pdoc(*PUBLIC, output_directory=folder)


if __name__ == "__main__":
    main()
