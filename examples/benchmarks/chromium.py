"""The windows of the tests, for the benchmark of the page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "tests" / "realtime" / "browser.py"
_spec = importlib.util.spec_from_file_location("browser", _PATH)
if _spec is None or _spec.loader is None:
    raise ImportError(f"{_PATH} is not there; run this from a clone of the repository")
_browser = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_browser)

Browser = _browser.Browser
