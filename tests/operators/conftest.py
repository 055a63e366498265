"""The tiny swapper, for every test here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tiny_swap import exported, tiny_run, trained

__all__ = ["exported", "tiny_run", "trained"]
