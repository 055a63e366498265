"""Latent-space models from papers as playable audio plugins.

>>> import latentfx
>>> latentfx.Control("mix", 0.0, 1.0, 1.0).allowed
'0 to 1'
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

# onnxruntime reads this when it is loaded. Without it, it leaves a device id and reports in the cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from latentfx.automation import Automated, Automation, load_automation
    from latentfx.batch import Outcome, apply_many
    from latentfx.board import Board, Branch, Split
    from latentfx.control import Control
    from latentfx.errors import AudioWarning, ControlWarning, LatentFXError
    from latentfx.host.runtime import LatentPlugin
    from latentfx.host.side_chain import SideChained
    from latentfx.library import load, plugins
    from latentfx.offline import Applied, apply
    from latentfx.preset import Preset, load_preset, morph
    from latentfx.realtime import LiveHost, live
    from latentfx.spec import PluginSpec

    __version__: str

__all__ = [
    "Applied",
    "AudioWarning",
    "Automated",
    "Automation",
    "Board",
    "Branch",
    "Control",
    "ControlWarning",
    "LatentFXError",
    "LatentPlugin",
    "LiveHost",
    "Outcome",
    "PluginSpec",
    "Preset",
    "SideChained",
    "Split",
    "apply",
    "apply_many",
    "live",
    "load",
    "load_automation",
    "load_preset",
    "morph",
    "plugins",
]

_HOME = {
    "Applied": "offline",
    "AudioWarning": "errors",
    "Automated": "automation",
    "Automation": "automation",
    "Board": "board",
    "Branch": "board",
    "Control": "control",
    "ControlWarning": "errors",
    "LatentFXError": "errors",
    "LatentPlugin": "host.runtime",
    "LiveHost": "realtime",
    "Outcome": "batch",
    "PluginSpec": "spec",
    "Preset": "preset",
    "SideChained": "host.side_chain",
    "Split": "board",
    "apply": "offline",
    "apply_many": "batch",
    "live": "realtime",
    "load": "library",
    "load_automation": "automation",
    "load_preset": "preset",
    "morph": "preset",
    "plugins": "library",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import latentfx` alone loads nothing."""
    value: object
    if name == "__version__":
        value = importlib.import_module("importlib.metadata").version("latentfx")
    elif name in _HOME:
        value = getattr(importlib.import_module(f"latentfx.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'latentfx' has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", *(name for name in globals() if name.startswith("__"))})
