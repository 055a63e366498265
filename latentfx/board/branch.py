"""One way through a split: its effects, and how loud it is in the sum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pedalboard

from latentfx.automation.driver import Automated
from latentfx.board.board import Board
from latentfx.board.native import Effect
from latentfx.errors import ControlError
from latentfx.host.processor import Processor
from latentfx.host.runtime import LatentPlugin
from latentfx.preset import Preset
from latentfx.spec import PluginSpec

INPUT: Final = "input"
_LOUDEST_DB: Final = 24.0
_QUIETEST_DB: Final = -120.0


class Branch:
    """One way through a `Split`.

    Gain, mute and solo may be changed while a stream is open; they are heard within 10 ms.

    Args:
        name: what the split calls it.
        effect: an effect, a list of them, or a preset; None lets the sound through as it is.
        gain_db: of its sound in the sum, -120 to 24 dB.
        side: a branch before this one, or `"input"`: what goes to the side-chain of this branch's first
            plugin. A branch is heard there before its gain, muted or not.
        mute: leave it out of the sum.
        solo: leave out every branch that is not solo too.

    Raises:
        ControlError: a name, an effect or a gain that cannot be, or a side for a plugin without a side-chain.
    """

    def __init__(
        self,
        name: str,
        effect: Effect | Preset | Iterable[Effect | Preset] | None = None,
        gain_db: float = 0.0,
        *,
        side: str | None = None,
        mute: bool = False,
        solo: bool = False,
    ) -> None:
        if not isinstance(name, str) or not name.strip() or name == INPUT:
            raise ControlError(f"a branch is called {name!r}; give it any name but {INPUT!r}")
        self.name = name
        several = isinstance(effect, Iterable) and not isinstance(effect, Processor | pedalboard.Plugin)
        self.board = Board(effect if several else () if effect is None else [effect])  # type: ignore[list-item, arg-type]  # it refuses what is none
        self.gain_db = gain_db
        self.side = side
        self.mute = mute
        self.solo = solo
        self.spec = None if side is None else _spec_of_side(name, self.board)

    @property
    def gain_db(self) -> float:
        """Gain of its sound in the sum, in dB."""
        return self._gain_db

    @gain_db.setter
    def gain_db(self, gain_db: float) -> None:
        if not isinstance(gain_db, int | float) or not _QUIETEST_DB <= gain_db <= _LOUDEST_DB:
            raise ControlError(
                f"gain_db of branch {self.name!r} is {gain_db!r}; allowed {_QUIETEST_DB:g} to "
                f"{_LOUDEST_DB:g} dB; mute=True leaves it out"
            )
        self._gain_db = float(gain_db)

    def __repr__(self) -> str:
        words = [repr(self.name), *map(repr, self.board), f"gain_db={self.gain_db:g}"]
        words += [f"side={self.side!r}"] if self.side else []
        words += [word for word in ("mute", "solo") if getattr(self, word)]
        return f"Branch({', '.join(words)})"


def _spec_of_side(name: str, board: Board) -> PluginSpec:
    """What the plugin says of itself that takes a side-chain.

    Raises:
        ControlError: the first effect takes none.
    """
    first = board[0] if len(board) else None
    if isinstance(first, LatentPlugin | Automated) and first.spec.side_channels:
        return first.spec
    what = "nothing" if first is None else type(first).__name__
    raise ControlError(
        f"branch {name!r} has a side, and begins with {what}, which has no side-chain; begin it "
        "with a plugin that has one, such as latent-mix"
    )
