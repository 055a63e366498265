"""The one table of methods, and methods that are not in it.

A method is added by one line of `METHODS`. A recipe may also name code of its own: `my_method.py:TinyAE` is a
class in a file beside the recipe, `package.module:TinyAE` one in an installed package. Such code runs when it
is loaded, so that it is loaded only where the user trusts it: in a recipe that the user trains, or with
`trust=True`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentfx.errors import RecipeError, TrustError
from latentfx.training.own_code import load_code
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

    def check_own_parts(self) -> None:
        """Import the builder and the evaluation where they are code outside the catalogue.

        A run calls it before it trains: otherwise a wrong name would come to light after the training.

        Raises:
            RecipeError: no such code, or it is no `Evaluation`.
        """
        if self.plugin is not None and is_code(self.plugin):
            self.load_plugin()
        if self.evaluation is not None and is_code(self.evaluation):
            self.load_evaluation()


_DISENTANGLEMENT = "latentfx.training.evaluations.disentanglement.evaluation:DISENTANGLEMENT"
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
    "frame-vae": Method(
        "latentfx.methods.syntone.frames:FrameVAE",
        plugin="latentfx.export.builders.steer:BUILDER",
        evaluation=_DISENTANGLEMENT,
    ),
    "syntone": Method(
        "latentfx.methods.syntone.model:SynTone",
        evaluation=_DISENTANGLEMENT,
    ),
    "sps": Method(
        "latentfx.methods.sps.model:SPS",
        evaluation="latentfx.training.evaluations.symmetry.evaluation:SYMMETRY",
    ),
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


OPERATORS: Mapping[str, str] = {"steer": "latentfx.export.builders.steer:BUILDER"}
"""Operators that make a plugin of any model that can stream: `[plugin] operator = "steer"` in a recipe."""


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
    plugin, evaluation = _builder_of(tables["plugin"]), tables["evaluation"].get("name")
    found = method(
        str(tables["method"].get("name")),
        folder,
        trust,
        plugin,
        None if evaluation is None else str(evaluation),
    )
    settings = {name: value for name, value in tables["plugin"].items() if name not in _CHOOSING}
    return replace(found, plugin_settings=settings)


_CHOOSING = ("builder", "operator")


def _builder_of(table: Mapping[str, Any]) -> str | None:
    """The builder that a [plugin] table names, itself or by its operator; None for the method's own."""
    named, operator = (table.get(key) for key in _CHOOSING)
    if operator is None:
        return None if named is None else str(named)
    if named is not None or operator not in OPERATORS:
        raise RecipeError(
            f"[plugin] has operator = {operator!r} and builder = {named!r}; allowed is a builder alone, or "
            f"an operator alone: {', '.join(OPERATORS)}"
        )
    return OPERATORS[str(operator)]


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


def is_code(name: str) -> bool:
    """Whether a name stands for code outside the catalogue.

    >>> is_code("swapper"), is_code("my_method.py:TinyAE"), is_code("os:system")
    (False, True, True)
    """
    ours = {part for entry in METHODS.values() for part in (entry.objective, entry.plugin, entry.evaluation)}
    ours |= set(OPERATORS.values())
    return ":" in name and name not in ours


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


def _refuse(names: list[str]) -> None:
    if names:
        raise TrustError(
            f"{', '.join(map(repr, names))} is code outside latentfx's catalogue, which runs when it is "
            "opened. Add --trust (trust=True) if you know where it comes from; the names in the catalogue "
            f"({', '.join(METHODS)}) need no trust"
        )
