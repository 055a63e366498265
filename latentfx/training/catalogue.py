"""The one table of methods, and methods that are not in it.

A method is added by one line of `METHODS`. A recipe may also name code of its own: `my_method.py:TinyAE` is a
class in a file beside the recipe, `package.module:TinyAE` one in an installed package. Such code runs when it
is loaded, so that it is loaded only where the user trusts it: in a recipe that the user trains, or with
`trust=True`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from latentfx.errors import RecipeError, TrustError
from latentfx.training.recipes.settings import unknown

if TYPE_CHECKING:
    from latentfx.methods.base import Objective
    from latentfx.training.evaluations.evaluation import Evaluation


@dataclass(frozen=True)
class Method:
    """Where the parts of a method are: `module:name`, or `file.py:name` for code outside the catalogue.

    Args:
        objective: the class that is trained.
        plugin: what builds its plugin (`latentfx.export.builders.builder.Builder`); None has no plugin.
        evaluation: the protocol that judges it (`latentfx.training.evaluations.evaluation.Evaluation`).
        folder: folder that files of code lie in.
        plugin_settings: what a recipe hands to the builder as further arguments, by name.
    """

    objective: str
    plugin: str | None = None
    evaluation: str | None = None
    folder: Path | None = field(default=None, compare=False)
    plugin_settings: Mapping[str, Any] = field(default_factory=dict)

    def load_objective(self) -> type[Objective]:
        """Import the class that is trained.

        Raises:
            RecipeError: no such code, or it is no `Objective`.
        """
        from latentfx.methods.base import Objective

        found = load_code(self.objective, self.folder)
        if not isinstance(found, type) or not issubclass(found, Objective):
            raise RecipeError(
                f"method {self.objective!r} is {found!r}; allowed is a class derived from "
                "latentfx.methods.base.Objective"
            )
        return found

    def load_plugin(self) -> Any:
        """Import what builds the plugin; None for a method without one.

        Raises:
            RecipeError: no such code.
        """
        return None if self.plugin is None else load_code(self.plugin, self.folder)

    def load_evaluation(self) -> Evaluation | None:
        """Import the protocol that judges the method; None for a method without one.

        Raises:
            RecipeError: no such code, or it is no `Evaluation`.
        """
        return None if self.evaluation is None else load_evaluation(self.evaluation, self.folder)


_SWAP = "latentfx.training.evaluations.swap.evaluation"

METHODS: Mapping[str, Method] = {
    "dsae": Method("latentfx.methods.dsae.models:DSAE", evaluation=f"{_SWAP}:ON_MELS"),
    "ts-dsae": Method("latentfx.methods.dsae.models:TSDSAE", evaluation=f"{_SWAP}:ON_MELS"),
    "j-dsae": Method("latentfx.methods.dsae.models:JDSAE", evaluation=f"{_SWAP}:ON_MELS"),
    "swapper": Method(
        "latentfx.methods.swapper.model:Swapper",
        plugin="latentfx.export.builders.swapper:BUILDER",
        evaluation=f"{_SWAP}:SPECTRAL",
    ),
    "pitch-ring": Method(
        "latentfx.methods.oplas.ring.model:PitchRing", plugin="latentfx.export.builders.ring:BUILDER"
    ),
    "latent-mix": Method(
        "latentfx.methods.oplas.mix.model:LatentMix", plugin="latentfx.export.builders.latent_mix:BUILDER"
    ),
    "embedding-mix": Method("latentfx.methods.oplas.mix.embedding:EmbeddingMix"),
    "syntone": Method("latentfx.methods.syntone.model:SynTone"),
}

RENAMED: Mapping[str, str] = {
    "jdsae": "swapper",
    "mel_dsae": "dsae",
    "mel_tsdsae": "ts-dsae",
    "mel_jdsae": "j-dsae",
    "pitch_ring": "pitch-ring",
    "latent_mix": "latent-mix",
    "embedding_mix": "embedding-mix",
}
"""Names that recipes, cards and plugin files of earlier versions hold -> names of today."""


_NAMED = (("method", "name"), ("plugin", "builder"), ("evaluation", "name"))
"""Sections of a recipe, and the key in each that may name code."""


def todays_name(name: str) -> str:
    """The name of a method today.

    >>> todays_name("mel_jdsae"), todays_name("j-dsae")
    ('j-dsae', 'j-dsae')
    """
    return RENAMED.get(name, name)


def method(
    name: str,
    folder: Path | None = None,
    trust: bool = False,
    plugin: str | None = None,
    evaluation: str | None = None,
) -> Method:
    """Find a method; nothing is imported yet.

    Args:
        name: a name of the catalogue, of today or of before, or the name of code outside it.
        folder: folder that files of code lie in.
        trust: whether code outside the catalogue may be named.
        plugin: builder that replaces the method's own.
        evaluation: evaluation that replaces the method's own.
    Raises:
        RecipeError: no method of that name.
        TrustError: code outside the catalogue that is not trusted.
    """
    name = todays_name(name)
    if not trust:
        _refuse([part for part in (name, plugin, evaluation) if part is not None and is_code(part)])
    if ":" not in name and name not in METHODS:
        message = unknown(f"method.name {name!r}", name, METHODS)
        raise RecipeError(f"{message} (or code of your own: my_method.py:CLASS, or package.module:CLASS)")
    own = METHODS.get(name) or Method(name)
    return replace(own, plugin=plugin or own.plugin, evaluation=evaluation or own.evaluation, folder=folder)


def of_recipe(recipe: Mapping[str, Any], folder: Path | None = None, trust: bool = False) -> Method:
    """Find what a recipe names in `method.name`, `plugin.builder` and `evaluation.name`.

    Args:
        recipe: nested tables, as a checkpoint's card keeps them.
        folder: folder that files of code lie in.
        trust: whether code outside the catalogue may be named.
    Raises:
        RecipeError: no method of that name.
        TrustError: code outside the catalogue that is not trusted.
    """
    tables = {name: recipe.get(name) or {} for name in ("method", "plugin", "evaluation")}
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise RecipeError(f"[{name}] is {table!r}; it must be a table of settings")
    plugin, evaluation = tables["plugin"].get("builder"), tables["evaluation"].get("name")
    found = method(
        str(tables["method"].get("name")),
        folder,
        trust,
        None if plugin is None else str(plugin),
        None if evaluation is None else str(evaluation),
    )
    settings = {name: value for name, value in tables["plugin"].items() if name != "builder"}
    return replace(found, plugin_settings=settings)


def of_plugin_file(facts: Mapping[str, Any], folder: Path | None = None, trust: bool = False) -> Method:
    """Find the method of a plugin file, from what the file keeps to build its model again.

    Args:
        facts: `method`, and `plugin` and `evaluation` where the recipe had these tables.
        folder: folder that files of code lie in.
        trust: whether code outside the catalogue may be named.
    Raises:
        RecipeError: no method of that name.
        TrustError: code outside the catalogue that is not trusted.
    """
    return of_recipe({**facts, "method": {"name": facts.get("method")}}, folder, trust)


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


def is_code(name: str) -> bool:
    """Whether a name stands for code outside the catalogue.

    >>> is_code("swapper"), is_code("my_method.py:TinyAE"), is_code("os:system")
    (False, True, True)
    """
    ours = {part for entry in METHODS.values() for part in (entry.objective, entry.plugin, entry.evaluation)}
    return ":" in name and name not in ours


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


def load_evaluation(name: str, folder: Path | None = None) -> Evaluation:
    """Import an evaluation, as `load_code` does.

    Raises:
        RecipeError: no such code, or it is no `Evaluation`.
    """
    from latentfx.training.evaluations.evaluation import Evaluation

    found = load_code(name, folder)
    if not isinstance(found, Evaluation):
        raise RecipeError(
            f"evaluation {name!r} is {found!r}; allowed is an instance of a class derived from "
            "latentfx.training.evaluations.evaluation.Evaluation"
        )
    return found


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


def _refuse(names: list[str]) -> None:
    if names:
        raise TrustError(
            f"{', '.join(map(repr, names))} is code outside latentfx's catalogue, which runs when it is "
            "opened. Add --trust (trust=True) if you know where it comes from; the names in the catalogue "
            f"({', '.join(METHODS)}) need no trust"
        )
