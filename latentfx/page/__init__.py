"""The page: plain JavaScript modules, styles and one HTML file, which a host serves, or a folder holds.

`surface.js` says what the parts are given and what they ask for. `main.js`, `panel.js` and `index.html` are
for a page with a host; any page may use the others.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

_MODULES: Final = (
    *("dom", "instrument", "knob", "main", "map", "meters", "panel", "ring", "scale", "surface"),
    *("triangles", "walker"),
)
# Name -> type, for who serves them.
FILES: Final = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    **{f"{name}.js": "text/javascript; charset=utf-8" for name in _MODULES},
}


def page_file(name: str) -> bytes:
    """The content of one of `FILES`."""
    return (resources.files(__name__) / name).read_bytes()
