"""Code outside the package: named in a recipe, loaded from a file or a module, carried beside the weights.

`my_method.py:TinyAE` is a class in a file beside the recipe, `package.module:TinyAE` one in an installed
package. Code runs when it is loaded, so ask for trust before.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from latentfx.errors import RecipeError

_NAMED = (("method", "name"), ("plugin", "builder"), ("evaluation", "name"))
"""Sections of a recipe, and the key in each that may name code."""


def with_portable_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's tables with the names of code as checkpoints keep them (see `portable`)."""
    return _renamed(recipe, portable)


def with_names_from(recipe: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """A recipe's tables whose files of code are named from the folder above `folder`."""
    return _renamed(recipe, lambda name: name if code_file(name) is None else str(Path(folder) / name))


def read_code(recipe: Mapping[str, Any], folder: Path) -> dict[str, bytes]:
    """The files of code that a recipe names, those of sources of data too: name without folders -> text.

    Raises:
        RecipeError: a file that cannot be read, or two files of one name in different folders.
    """
    found: dict[str, Path] = {}
    named = [str(recipe.get(section, {}).get(entry, "")) for section, entry in _NAMED]
    for name in (*named, *(str(part["kind"]) for part in _parts(recipe) if "kind" in part)):
        file = code_file(name)
        if file is None:
            continue
        path = (folder / file).resolve()
        if found.setdefault(path.name, path) != path:
            raise RecipeError(
                f"two files of code are called {path.name}: {found[path.name]} and {path}; rename one, "
                "because both are copied beside the weights"
            )
    return {name: _read(path) for name, path in found.items()}


def code_file(name: str) -> str | None:
    """The file that a name of code is in; None where that is a module.

    >>> code_file("parts/my_method.py:TinyAE"), code_file("package.module:TinyAE")
    ('parts/my_method.py', None)
    """
    place, colon, _ = name.rpartition(":")
    return place if colon and place.endswith(".py") else None


def portable(name: str) -> str:
    """The name as checkpoints keep it: of a file its last part only, because it is copied beside the weights.

    >>> portable("../parts/my_method.py:TinyAE"), portable("package.module:TinyAE"), portable("swapper")
    ('my_method.py:TinyAE', 'package.module:TinyAE', 'swapper')
    """
    file = code_file(name)
    return name if file is None else f"{Path(file).name}:{name.rpartition(':')[2]}"


def load_code(name: str, folder: Path | None = None) -> Any:
    """Import what a name stands for. This runs its module: ask for trust before.

    Args:
        name: `package.module:NAME`, or `file.py:NAME`.
        folder: folder that the file lies in; the current one unless given.
    Raises:
        RecipeError: no such file, module or name in it, or a module that needs what is not installed.
    """
    place, _, attribute = name.rpartition(":")
    file = code_file(name)
    try:
        module = importlib.import_module(place) if file is None else _load_file((folder or Path()) / file)
    except ModuleNotFoundError as error:
        raise RecipeError(
            f"{name!r} cannot be loaded: there is no module {error.name!r}. A method is one .py file or an "
            "installed package: install what it needs, or put its parts into a package and name "
            "package.module:NAME"
        ) from None
    if not hasattr(module, attribute):
        raise RecipeError(f"{name!r} cannot be loaded: {place} has no {attribute!r}")
    return getattr(module, attribute)


class _FreshLoader(SourceFileLoader):
    """Compiles a file each time: a cached one could be that of another text, and leaves a folder behind."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"the code {file} cannot be read ({error.strerror}); put the file there, or correct its name"
        ) from None


def _renamed(recipe: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    tables = dict(recipe)
    for section, entry in _NAMED:
        table = tables.get(section)
        if isinstance(table, Mapping) and isinstance(table.get(entry), str):
            tables[section] = {**table, entry: change(table[entry])}
    if parts := _parts(recipe):
        changed = [{**part, "kind": change(str(part["kind"]))} if "kind" in part else part for part in parts]
        tables["data"] = {**recipe["data"], "parts": changed}
    return tables


def _parts(recipe: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The `[[data.parts]]` tables of a recipe, whose kinds may be code; none where they are no tables."""
    parts = recipe.get("data", {}).get("parts", ())
    tables = isinstance(parts, (list, tuple)) and all(isinstance(part, Mapping) for part in parts)
    return list(parts) if tables else []


def _load_file(file: Path) -> ModuleType:
    """Run a file as a module, once for each text of it: two names in one file are of one module."""
    text = _read(file)
    digest = hashlib.sha256(str(file.resolve()).encode() + b"\0" + text).hexdigest()[:12]
    name = f"latentfx_code_{file.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file, loader=_FreshLoader(name, str(file)))
    if spec is None or spec.loader is None:
        raise RecipeError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, ImportError) or not isinstance(error, Exception):
            raise
        raise RecipeError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    return module
