"""Recipes as files: found by name or path, built on one another, changed from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from latentfx.errors import RecipeError
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
    return _laid_over(_read(base, (*above, name)), table)


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
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"recipe {name} cannot be read: {error}") from None
    if name not in shipped_recipes():
        message = unknown(f"recipe {name!r}", name, shipped_recipes())
        raise RecipeError(f"{message} (or the path of a .toml file)")
    return (resources.files("latentfx.presets") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")


def override(table: dict[str, Any], text: str) -> None:
    """Change one setting of nested tables, given as `SECTION.KEY=VALUE`.

    Raises:
        RecipeError: another form, or a section that is a value.
    """
    key, equals, value = text.partition("=")
    *parents, last = key.strip().split(".")
    if not equals or not parents or not last:
        raise RecipeError(f"override {text!r} is not SECTION.KEY=VALUE (for example train.lr=3e-4)")
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise RecipeError(f"override {text!r}: {parent} is a value, not a table")
    try:
        table[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = value.strip()
