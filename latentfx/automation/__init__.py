"""Controls that move while a plugin plays: by MIDI, by hand, from a file; live and offline alike."""

from __future__ import annotations

from latentfx.automation.driver import Automated
from latentfx.automation.files import load_automation
from latentfx.automation.moves import Automation, Move, Turn

__all__ = ["Automated", "Automation", "Move", "Turn", "load_automation"]
