"""Moves of controls at their times: what a player does, or what a file says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mido import Message

from latentfx.binding import Binding
from latentfx.errors import ControlError
from latentfx.preset import Preset
from latentfx.spec import Setting


@dataclass(frozen=True)
class Turn:
    """A control that goes somewhere.

    Args:
        control: name of a control or blend.
        value: in native units; a blend's as in `Blend.weights`.
        line: go there in a straight line along the control's curve, from its point before; else at once.
    """

    control: str
    value: Setting
    line: bool = False


@dataclass(frozen=True)
class Rebind:
    """Other MIDI bindings.

    Args:
        bindings: all that hold from now on.
        own: those of them that stay when a preset is chosen.
    """

    bindings: tuple[Binding, ...]
    own: tuple[Binding, ...]


@dataclass(frozen=True)
class Recall:
    """A preset that is chosen.

    Args:
        preset: itself, or its name.
    """

    preset: Preset | str


@dataclass(frozen=True)
class Move:
    """Something that happens at a time.

    Args:
        time_s: seconds since the first sample.
        what: a MIDI message, a control that is turned, a preset that is chosen, or other bindings.
    """

    time_s: float
    what: Message | Turn | Recall | Rebind


@dataclass(frozen=True)
class Automation:
    """Moves of the controls while a recording runs through a plugin.

    A move is heard from the hop on in which its time lies, as it is when the plugin is played live.

    Args:
        moves: in any order; those of one time keep theirs.
        bindings: what MIDI messages turn, beside the bindings of a preset.
        presets: those that program changes choose from; all presets of the plugin where None.

    >>> Automation((Move(0.5, Turn("mix", 0.2)), Move(0.0, Turn("mix", 1.0)))).moves[0].time_s
    0.0
    """

    moves: tuple[Move, ...] = ()
    bindings: tuple[Binding, ...] = ()
    presets: tuple[Preset, ...] | None = field(default=None)

    def __post_init__(self) -> None:
        for move in self.moves:
            if not 0 <= move.time_s < float("inf"):
                raise ControlError(f"a move is at {move.time_s!r} s; allowed are seconds from 0")
        object.__setattr__(self, "moves", tuple(sorted(self.moves, key=lambda move: move.time_s)))

    def __add__(self, other: Automation) -> Automation:
        """The moves of both."""
        presets = self.presets if other.presets is None else (*(self.presets or ()), *other.presets)
        bindings = tuple(dict.fromkeys((*self.bindings, *other.bindings)))
        return replace(self, moves=(*self.moves, *other.moves), bindings=bindings, presets=presets)
