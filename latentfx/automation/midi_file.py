"""MIDI files: moves that any sequencer writes, and those of a live session."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mido import Message, MetaMessage, MidiFile, MidiTrack

from latentfx.automation.moves import Move, Rebind, Recall, Turn
from latentfx.binding import Binding
from latentfx.errors import ControlError, LatentFXError, MidiError
from latentfx.files import write_bytes

_OURS: Final = "latentfx "  # begins a text event that says what MIDI has no message for
_MOST_BYTES: Final = 64 << 20
_MOST_TICKS: Final = 32_767


def read_midi(path: Path) -> list[Move]:
    """Read the moves of a MIDI file: its messages, and what `write_midi` wrote as text beside them.

    Raises:
        MidiError: a file that cannot be read.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise MidiError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; it can be no performance")
        file = MidiFile(file=io.BytesIO(path.read_bytes()))
        return _moves(path, file)
    except OSError as error:
        raise MidiError(f"cannot read {path} ({error.strerror or error})") from None
    except LatentFXError:
        raise
    except Exception as error:  # of any kind: mido raises whatever a damaged file leads to
        why = str(error) or type(error).__name__
        raise MidiError(f"{path} is no MIDI file that can be read ({why})") from None


def _moves(path: Path, file: MidiFile) -> list[Move]:
    moves: list[Move] = []
    now_s = 0.0
    for message in file:
        now_s += message.time
        if message.type == "text" and message.text.startswith(_OURS):
            moves += [Move(now_s, what) for what in _read_text(path, message.text.removeprefix(_OURS))]
        elif not message.is_meta and message.type != "sysex":
            moves.append(Move(now_s, message.copy(time=0)))
    return moves


def _read_text(path: Path, text: str) -> list[Message | Turn | Recall | Rebind]:
    """What one of our text events says.

    Raises:
        MidiError: something that this version does not know.
    """
    try:
        said: dict[str, Any] = json.loads(text)
        found: list[Message | Turn | Recall | Rebind] = []
        if "bindings" in said:
            bindings, own = (tuple(map(Binding.parse, said[key])) for key in ("bindings", "own"))
            found.append(Rebind(bindings, own))
        if "preset" in said:
            found.append(Recall(str(said["preset"])))
        if "release" in said:
            found.append(Message("reset"))
        return found + [Turn(str(name), float(value)) for name, value in said.get("set", {}).items()]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MidiError(f"{path} holds the text {text!r}, which cannot be read ({error})") from None


def write_midi(path: Path, moves: Iterable[Move], sample_rate: float) -> None:
    """Write moves as a MIDI file, in which a tick is a sample, or a little more.

    What MIDI has no message for, such as a control turned by hand, becomes a text event.

    Raises:
        MidiError: the file cannot be written.
    """
    ticks, tempo = _clock(sample_rate)
    track = MidiTrack([MetaMessage("set_tempo", tempo=tempo)])
    before = 0
    for move in sorted(moves, key=lambda move: move.time_s):
        now = round(max(move.time_s, 0.0) * ticks * 1e6 / tempo)
        track.append(_message(move).copy(time=now - before))
        before = now
    data = io.BytesIO()
    MidiFile(type=0, ticks_per_beat=ticks, tracks=[track]).save(file=data)
    try:
        write_bytes(path, data.getvalue())
    except OSError as error:
        raise MidiError(f"cannot write {path} ({error.strerror or error})") from None


def _clock(sample_rate: float) -> tuple[int, int]:
    """Ticks of a beat, and microseconds of one, so that a tick lasts a sample where that can be."""
    tempo = 1_000_000
    while sample_rate * tempo / 1e6 > _MOST_TICKS:
        tempo //= 2
    return max(int(sample_rate * tempo / 1e6), 1), tempo


def _message(move: Move) -> Message | MetaMessage:
    what = move.what
    if isinstance(what, Message):
        return _text({"release": True}) if what.type == "reset" else what
    if isinstance(what, Turn):
        if isinstance(what.value, (int, float)):
            return _text({"set": {what.control: float(what.value)}})
        raise ControlError(f"{what.control} is {what.value!r}; a MIDI file holds numbers, one a control")
    if isinstance(what, Rebind):
        return _text({"bindings": list(map(str, what.bindings)), "own": list(map(str, what.own))})
    return _text({"preset": what.preset if isinstance(what.preset, str) else what.preset.name})


def _text(said: dict[str, Any]) -> MetaMessage:
    return MetaMessage("text", text=_OURS + json.dumps(said))
