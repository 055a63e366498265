"""JSON that others wrote, read strictly: what two readers may read in two ways is refused."""

from __future__ import annotations

import json
import math
from typing import Any, Final

MAX_DEPTH: Final = 16
LONGEST_NUMBER: Final = 64


def read_json(text: str | bytes, constants: bool = False) -> Any:
    """Read JSON.

    Args:
        text: what was written.
        constants: allow NaN and infinity, which Python writes and JSON does not know.

    Raises:
        ValueError: no JSON, a name that comes twice in an object, a number of more than `LONGEST_NUMBER`
            digits or too large for a float, or values more than `MAX_DEPTH` deep in one another.

    >>> read_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    try:
        found = json.loads(
            text,
            parse_constant=float if constants else _no_constant,
            parse_int=_whole,
            parse_float=_finite,
            object_pairs_hook=_once_each,
        )
    except RecursionError:
        raise _too_deep() from None
    _check_depth(found, MAX_DEPTH)
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number has {len(text)} digits; allowed {LONGEST_NUMBER}")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:LONGEST_NUMBER]} is too large for a number")
    return number


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice in one object")
    return found


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise _too_deep()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(inner, left - 1)


def _too_deep() -> ValueError:
    return ValueError(f"values lie inside one another more than {MAX_DEPTH} deep")
