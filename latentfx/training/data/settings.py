"""The [data] table of a recipe, checked: every key is known and every value in range.

Example:
    [data]
    instruments = ["violin", "trumpet"]
    validation = 0.1

    [[data.parts]]
    kind = "notes"
    root = "real"
    seconds_per_instrument = 180
    reverb = 0.5
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from latentfx.errors import RecipeError
from latentfx.training.data.source import DataSource
from latentfx.training.data.sources import KINDS, find_kind
from latentfx.training.recipes.settings import check_range
from latentfx.training.recipes.settings import read_settings as read_table

T = TypeVar("T")
LIMITS: Mapping[str, tuple[float, float]] = {"validation": (0.0, 0.9)}


@dataclass(frozen=True)
class Part:
    """One `[[data.parts]]` table: the kind of data that it names, and the source with its settings."""

    kind: str
    source: DataSource


@dataclass(frozen=True)
class DataSettings:
    """The whole table.

    Args:
        instruments: names, in the order in which models number them.
        validation: share of the examples kept for validation.
        keep: where examples and their features are kept while a model is trained: in `memory`, or on `disk`
            for data that is larger than the memory.
        parts: where the examples come from.
    """

    instruments: tuple[str, ...] = ()
    validation: float = 0.1
    keep: Literal["memory", "disk"] = "memory"
    parts: tuple[Part, ...] = ()


def read_settings(table: Mapping[str, object], code_folder: Path | None = None) -> DataSettings:
    """Check a [data] table.

    Args:
        table: its settings.
        code_folder: folder that sources of one's own lie in; None trusts no code outside latentfx.
    Raises:
        RecipeError: an unknown key, a wrong type or a value out of range; the message names the key.
        TrustError: a source of one's own that is not trusted.
    """
    plain = {key: value for key, value in table.items() if key != "parts"}
    settings = _read(DataSettings, plain, "data", LIMITS)
    parts = table.get("parts", [{"kind": "tones"}])
    if not isinstance(parts, (list, tuple)) or not parts:
        raise RecipeError(f"data.parts is {parts!r}; allowed is a list of at least one [[data.parts]] table")
    checked = tuple(_read_part(part, f"data.parts[{index}]", code_folder) for index, part in enumerate(parts))
    _check_instruments(settings.instruments, checked)
    return replace(settings, parts=checked)


def _check_instruments(instruments: tuple[str, ...], parts: tuple[Part, ...]) -> None:
    wanting = [part.kind for part in parts if part.source.by_instrument]
    if not instruments and wanting:
        raise RecipeError(
            f"data.instruments names none; data of the kind {wanting[0]!r} needs it: give a list of "
            "different names, such as ['violin', 'trumpet']"
        )
    if len(set(instruments)) < len(instruments):
        raise RecipeError(f"data.instruments is {instruments!r}; give a list of different names")


def _read_part(table: object, where: str, code_folder: Path | None) -> Part:
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} is {table!r}; allowed is a table with a key 'kind'")
    kind = table.get("kind")
    if not isinstance(kind, str):
        raise RecipeError(f"{where}.kind is {kind!r}; allowed are {', '.join(KINDS)}")
    owner = find_kind(kind, f"{where}.kind", code_folder)
    settings = {key: value for key, value in table.items() if key != "kind"}
    return Part(kind, _read(owner, settings, where, owner.limits))


def _read(
    owner: type[T], table: Mapping[str, object], where: str, limits: Mapping[str, tuple[float, float]]
) -> T:
    """Read one table, and hold its numbers within their limits."""
    read = read_table(owner, table, where)
    for name in table.keys() & limits.keys():
        check_range(f"{where}.{name}", getattr(read, name), *limits[name])
    return read
