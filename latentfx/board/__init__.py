"""Effects one after another, and side by side, with every latency removed."""

from __future__ import annotations

from latentfx.board.board import Board
from latentfx.board.branch import Branch
from latentfx.board.split import Split

__all__ = ["Board", "Branch", "Split"]
