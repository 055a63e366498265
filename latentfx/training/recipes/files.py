"""Recipes as files: found by name or path, built on one another, changed from the command line."""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from latentfx.errors import RecipeError
from latentfx.training.own_code import with_names_from
from latentfx.training.recipes.settings import unknown

EXTENDS = "extends"


def read_recipe_file(name: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a recipe as nested tables.

    A file that begins with `extends = "NAME"` holds only what is other than in that recipe: its tables are
    laid over the other's, key by key; lists are replaced whole.

    Args:
        name: of a shipped recipe, or a path that ends in `.toml`.
        overrides: `SECTION.KEY=VALUE`, the value as TOML writes it; a bare word is a text.
    Raises:
        RecipeError: no such recipe, not TOML, or recipes that extend one another in a circle.
    """
    table = _read(name, ())
    for text in overrides:
        override(table, text)
    return table


def shipped_recipes() -> list[str]:
    """Names of the recipes inside the package."""
    folder = resources.files("latentfx.presets") / "recipes"
    return sorted(Path(entry.name).stem for entry in folder.iterdir()) if folder.is_dir() else []


def _read(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    text = _text(name)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {name} is not TOML: {error}") from None
    base = table.pop(EXTENDS, None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise RecipeError(f"{EXTENDS} in recipe {name} is {base!r}; allowed is the name of a recipe")
    if base.endswith(".toml"):
        base = str(Path(name).parent / base)
    if base in (*above, name):
        raise RecipeError(f"recipes extend one another in a circle: {' -> '.join((*above, name, base))}")
    below = _read(base, (*above, name))
    if base.endswith(".toml"):
        below = with_names_from(below, os.path.relpath(Path(base).parent, Path(name).parent))
    return _laid_over(below, table)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _laid_over(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
    }
    return {**below, **above, **both}


def _text(name: str) -> str:
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise RecipeError(f"recipe {name} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise RecipeError(f"recipe {name} is no text in UTF-8; give a .toml file") from None
    if name not in shipped_recipes():
        message = unknown(f"recipe {name!r}", name, shipped_recipes())
        raise RecipeError(f"{message} (or the path of a .toml file)")
    return (resources.files("latentfx.presets") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")


_KEY = re.compile(r"(\w[\w-]*)((?:\[-?\d*\])*)")


def override(table: dict[str, Any], text: str) -> None:
    """Change one setting of nested tables, given as `SECTION.KEY=VALUE`.

    `[N]` takes an item of a list, the first one as `[0]` and the last one as `[-1]`; `[]` appends one.

    Raises:
        RecipeError: another form, a section that is a value, or an item that is not there.

    >>> table = {"data": {"parts": [{"kind": "tones"}]}}
    >>> override(table, "data.parts[0].reverb=0.5")
    >>> override(table, 'data.parts[]={ kind = "notes" }')
    >>> table
    {'data': {'parts': [{'kind': 'tones', 'reverb': 0.5}, {'kind': 'notes'}]}}
    """
    key, equals, value = text.partition("=")
    steps = _steps(key.strip())
    if not equals or len(steps) < 2:
        raise RecipeError(
            f"override {text!r} is not SECTION.KEY=VALUE (for example train.lr=3e-4, or "
            "data.parts[0].reverb=0.2)"
        )
    place: Any = table
    for step, following in itertools.pairwise(steps):
        place = _entered(place, step, [] if isinstance(following, int | None) else {}, text)
    _put(place, steps[-1], _value(value), text)


def _steps(key: str) -> list[str | int | None]:
    """The way to a setting: names of keys, numbers of items, None for a new item; empty for another form."""
    steps: list[str | int | None] = []
    for part in key.split("."):
        match = _KEY.fullmatch(part)
        if match is None:
            return []
        steps.append(match[1])
        steps += [int(number) if number else None for number in re.findall(r"\[(-?\d*)\]", match[2])]
    return steps


def _entered(place: Any, step: str | int | None, fresh: Any, text: str) -> Any:
    """The table or list that a step leads to; a fresh one where nothing is yet."""
    if step is None or (isinstance(step, str) and isinstance(place, dict) and step not in place):
        _put(place, step, fresh, text)
        step = -1 if step is None else step
    _check_place(place, step, text)
    found = place[step]
    if not isinstance(found, dict | list):
        raise RecipeError(f"override {text!r}: {step} is a value, not a table")
    return found


def _put(place: Any, step: str | int | None, value: Any, text: str) -> None:
    if step is None and isinstance(place, list):
        place.append(value)
        return
    _check_place(place, step, text)
    place[step] = value


def _check_place(place: Any, step: str | int | None, text: str) -> None:
    if isinstance(step, str):
        if not isinstance(place, dict):
            raise RecipeError(
                f"override {text!r}: {step} is a key, but a list is there; name an item, such as [0]"
            )
        return
    if not isinstance(place, list):
        raise RecipeError(
            f"override {text!r}: [{'' if step is None else step}] is an item, but no list is there"
        )
    if step is not None and not -len(place) <= step < len(place):
        raise RecipeError(
            f"override {text!r}: the list has {len(place)} items, [0] to [{len(place) - 1}]; [] appends one"
        )


def _value(text: str) -> Any:
    """A value as TOML writes it; what TOML does not read is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()
