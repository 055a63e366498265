"""Automations from files, by the kind of the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from latentfx.automation.midi_file import read_midi
from latentfx.automation.moves import Automation
from latentfx.automation.table import read_table
from latentfx.binding import Binding
from latentfx.errors import ControlError

Moves = str | os.PathLike[str] | Automation

MIDI_SUFFIXES: Final = (".mid", ".midi")
_TABLE: Final = ".csv"


def load_automation(path: str | os.PathLike[str], bindings: Iterable[Binding | str] = ()) -> Automation:
    """Read a MIDI file (`.mid`), or a table of moves (`.csv`).

    A line of a table says when a control is where: `time,control,value`, and `shape` where it is wanted. The
    time is in seconds. The shape says how the control gets there from its line before: `line` (straight along
    the control's curve; so it is where nothing stands) or `step` (at that time).

    Args:
        path: of the file.
        bindings: what MIDI turns, such as `"cc:1=mix"`.

    Raises:
        MidiError: a MIDI file that cannot be read, or a binding that makes no sense.
        ControlError: a table that cannot be read, or a file of another kind.
    """
    file = Path(path).expanduser()
    suffix = file.suffix.lower()
    if suffix not in (*MIDI_SUFFIXES, _TABLE):
        raise ControlError(
            f"automation {str(path)!r}; allowed are MIDI files ({', '.join(MIDI_SUFFIXES)}) and tables "
            f"({_TABLE}) of time,control,value"
        )
    read = tuple(Binding.parse(b) if isinstance(b, str) else b for b in bindings)
    return Automation(tuple(read_table(file) if suffix == _TABLE else read_midi(file)), read)


def as_automation(moves: Moves) -> Automation:
    """An automation, or the one in a file."""
    return moves if isinstance(moves, Automation) else load_automation(moves)
