"""Read a table of settings into a frozen dataclass, strictly: a wrong key or type is an error."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from latentfx.errors import RecipeError

T = TypeVar("T")


def read_settings(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build a dataclass from a table such as TOML gives.

    Args:
        cls: a dataclass whose fields are bool, int, float, str, Literal, tuple[X, ...], Mapping[str, X],
            another dataclass, or any of these `| None`.
        table: values by field name.
        where: the table's name, for messages (`train`).
    Raises:
        RecipeError: a key that is unknown or missing, or a value of the wrong type.
    """
    if not isinstance(table, Mapping):
        raise RecipeError(f"[{where}] is {table!r}; it must be a table of settings")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise RecipeError(unknown(f"setting {where}.{key}", key, fields))
    hints = get_type_hints(cls)
    for name, field in fields.items():
        if name not in table and _required(field):
            wanted = _describe(hints[name])
            raise RecipeError(f"setting {where}.{name} is missing; add it to [{where}] ({wanted})")
    return cls(**{key: _convert(value, hints[key], f"{where}.{key}") for key, value in table.items()})


def unknown(what: str, name: str, allowed: Iterable[str]) -> str:
    """A message for a name that does not exist, with those that do and the nearest of them.

    >>> unknown("setting train.batchsize", "batchsize", ["batch_size", "lr"])
    "setting train.batchsize is unknown; did you mean 'batch_size'? allowed: batch_size, lr"
    """
    names = list(allowed)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{what} is unknown; {hint}allowed: {', '.join(names) or 'none'}"


def check_range(where: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise RecipeError unless low <= value <= high."""
    if not low <= value <= high:
        allowed = f"{_plain(low)} or more" if high == math.inf else f"{_plain(low)} to {_plain(high)}"
        raise RecipeError(f"setting {where} is {value!r}; allowed {allowed}")


def _plain(number: float) -> str:
    """A limit as it can be typed: a whole number has all its digits."""
    return str(number) if isinstance(number, int) else f"{number:g}"


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(value: Any, hint: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return None if value is None else _convert(value, _without_none(args), where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read_settings(hint, value, where)
    if origin is Literal and any(value == arg and type(value) is type(arg) for arg in args):
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(item, args[0], f"{where}[{i}]") for i, item in enumerate(value))
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {key: _convert(item, args[1], f"{where}.{key}") for key, item in value.items()}
    if hint is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if hint in (bool, int, str) and type(value) is hint:
        return value
    raise RecipeError(f"setting {where} is {value!r}; it must be {_describe(hint)}")


def _without_none(args: tuple[Any, ...]) -> Any:
    (only,) = (arg for arg in args if arg is not type(None))
    return only


_WORDS = {float: "a finite number", int: "a whole number", bool: "true or false", str: "a text"}


def _describe(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _describe(_without_none(args))
    if origin is Literal:
        return "one of " + ", ".join(repr(arg) for arg in args)
    if origin is tuple:
        return f"a list, each item {_describe(args[0])}"
    return _WORDS.get(hint, "a table")
