"""Tables of moves: a line says when a control is where."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from latentfx.automation.moves import Move, Turn
from latentfx.errors import ControlError

_COLUMNS: Final = ("time", "control", "value")
_SHAPES: Final = {"": True, "line": True, "step": False}
_MOST_BYTES: Final = 64 << 20


def read_table(path: Path) -> list[Move]:
    """Read a CSV file with the columns `time`, `control`, `value` and, if wanted, `shape`.

    `time` is in seconds. `shape` says how the control gets there from its line before: `line` (straight along
    the control's curve, which holds where nothing stands) or `step` (at that time). Before its first line, a
    control is where the preset or the command puts it.

    Raises:
        ControlError: a file that cannot be read, other columns, or a line that makes no sense.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ControlError(f"{path} is larger than {_MOST_BYTES >> 20} MiB; split it, or thin it out")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            _check_columns(path, reader.fieldnames or [])
            return [_move(f"{path}, line {reader.line_num}", row) for row in reader]
    except OSError as error:
        raise ControlError(f"cannot read {path} ({error.strerror or error})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ControlError(f"{path} is no table of UTF-8 text ({error}); save it as CSV") from None


def _check_columns(path: Path, found: object) -> None:
    names = list(found) if isinstance(found, list) else []
    if set(_COLUMNS) - set(names) or set(names) - {*_COLUMNS, "shape"}:
        raise ControlError(
            f"{path} has the columns {', '.join(map(str, names)) or 'none'}; its first line must be "
            "time,control,value or time,control,value,shape"
        )


def _move(place: str, row: Mapping[str | None, str | None]) -> Move:
    time, control, value = ((row.get(name) or "").strip() for name in _COLUMNS)
    shape = (row.get("shape") or "").strip()
    if not control or not value or shape not in _SHAPES or None in row:
        raise ControlError(
            f"{place}: {', '.join(map(str, row.values()))!r} cannot be read; write for example "
            "1.5,mix,0.8 or 1.5,mix,0.8,step (shape is line or step)"
        )
    try:
        time_s = float(time)
        if not 0 <= time_s < float("inf"):
            raise ValueError
    except ValueError:
        raise ControlError(f"{place}: time is {time!r}; allowed are seconds from 0, such as 1.5") from None
    return Move(time_s, Turn(control, _number(value), _SHAPES[shape]))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # a blend, such as trumpet:0.7+flute:0.3
