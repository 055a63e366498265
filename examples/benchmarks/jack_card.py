"""The JACK server and devices of the tests, for the benchmarks of live sound."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).resolve().parents[2] / "tests" / "realtime" / "jack_rig.py"
_spec = importlib.util.spec_from_file_location("jack_rig", _PATH)
if _spec is None or _spec.loader is None:
    raise ImportError(f"{_PATH} is not there; run this from a clone of the repository")
_rig = importlib.util.module_from_spec(_spec)
sys.modules["jack_rig"] = _rig
_spec.loader.exec_module(_rig)

RATE = _rig.RATE
JackServer = _rig.JackServer
Rig = _rig.Rig
