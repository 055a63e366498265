"""Trained models by name, for the verb `latentfx evaluate`: run folders, checkpoints and plugins."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import CheckpointError
from latentfx.files import expanded
from latentfx.host.plugin_file import REBUILD_KEY
from latentfx.library import load, plugins
from latentfx.training import catalogue
from latentfx.training.recipes.config import Recipe, load_recipe
from latentfx.training.recipes.files import shipped_recipes

if TYPE_CHECKING:
    from latentfx.effect import LatentEffect
    from latentfx.training.evaluations.evaluation import Encode, Evaluation, Model


def open_models(names: Sequence[str], trust: bool = False) -> list[Model]:
    """Open each model, under a name of its own.

    Args:
        names: run folders, checkpoint folders, weights files, `.onnx` files or shipped plugins.
        trust: whether code outside the catalogue may run.
    Raises:
        CheckpointError: no such model, or a damaged one.
        TrustError: a model that names code outside the catalogue, and `trust` is not set.
    """
    found: list[Model] = []
    for model in (open_model(name, trust) for name in names):
        taken = {other.name for other in found}
        name, number = model.name, 2
        while name in taken:
            name, number = f"{model.name}-{number}", number + 1
        found.append(replace(model, name=name))
    return found


def open_model(name: str, trust: bool = False) -> Model:
    """Open one model; see `open_models`."""
    path = expanded(name)
    if path.suffix == ".onnx" or (not path.exists() and name in plugins()):
        return _open_plugin(name, trust)
    if not path.exists():
        raise CheckpointError(
            f"there is no model {name!r}; give a run folder, a checkpoint folder, an .onnx file, or a "
            f"shipped plugin ({', '.join(plugins())})"
        )
    return _open_checkpoint(path, trust)


def choose_evaluation(models: Sequence[Model], named: str | None) -> Evaluation:
    """The evaluation that the user named, else the one that the models share.

    Args:
        models: to be judged.
        named: a method of the catalogue whose evaluation is taken, or code.
    Raises:
        CheckpointError: no evaluation, or several.
        RecipeError: no such method or code.
    """
    if named is not None and catalogue.is_code(named):
        return catalogue.load_evaluation(named)
    judged = ", ".join(model.name for model in models)
    candidates = [model.evaluation for model in models]
    if named is not None:
        judged, candidates = f"the method {named}", [catalogue.method(named).load_evaluation()]
    found = {evaluation.name: evaluation for evaluation in candidates if evaluation is not None}
    if not found:
        able = ", ".join(name for name, method in catalogue.METHODS.items() if method.evaluation)
        raise CheckpointError(
            f"no evaluation judges {judged}; methods with one: {able}. Name one in the recipe's "
            "[evaluation], or with --evaluation"
        )
    if len(found) > 1:
        raise CheckpointError(
            f"these models have different evaluations ({', '.join(found)}); evaluate them one by one, or "
            "choose one with --evaluation"
        )
    return next(iter(found.values()))


def _open_checkpoint(path: Path, trust: bool) -> Model:
    from latentfx.training.evaluations.evaluation import Model, Origin
    from latentfx.training.runs.checkpoint import load_checkpoint, method_of, reading_card

    objective, card = load_checkpoint(path, trust=trust)
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    with reading_card(path):
        recipe, method = card["recipe"], method_of(path, card, trust)
        return Model(
            folder.parent.name if folder.name.startswith("best-") else folder.name,
            objective,
            method.load_evaluation(),
            Origin(recipe["data"], int(card["seed"]), method.folder if trust else None),
            _settings(recipe.get("evaluation", {})),
            _unfinished(card),
        )


def _unfinished(card: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where the training has later stages: the weights are then not those of a finished model."""
    *_, last = card["recipe"]["train"]["stages"]
    if card["stage"] == last:
        return ()
    return (f"these are weights of stage {card['stage']!r}; its training ends with stage {last!r}.",)


def _open_plugin(name: str, trust: bool) -> Model:
    from latentfx.training.evaluations.evaluation import Model, Origin
    from latentfx.training.runs.checkpoint import reading_card

    plugin = load(name, trust=trust)
    evaluation = None
    if plugin.provenance.get(REBUILD_KEY):
        with reading_card(name):
            facts = plugin.provenance[REBUILD_KEY]
            evaluation = catalogue.of_plugin_file(facts, Path(name).parent, trust).load_evaluation()
    made_by = _recipe_of(plugin.provenance)
    encode = _encoder(name, trust)
    if made_by is None:
        return Model(plugin.name, plugin, evaluation, encode=encode)
    with reading_card(name):
        origin = Origin(made_by.data, int(plugin.provenance.get("seed", 0)))
    return Model(plugin.name, plugin, evaluation, origin, _settings(made_by.evaluation), encode=encode)


def _encoder(name: str, trust: bool) -> Encode:
    """The encoder of a plugin file; its model is built when the encoder is first used."""

    @functools.cache
    def effect() -> LatentEffect:
        from latentfx.effect import LatentEffect
        from latentfx.export.checks.opened import plugin_path
        from latentfx.export.rebuild import rebuild_plugin

        plugin, _ = rebuild_plugin(plugin_path(name), trust=trust)
        if not isinstance(plugin, LatentEffect):
            raise CheckpointError(f"plugin {name!r} has no encoder: it is no LatentEffect; leave it out")
        return plugin

    def encode(audio: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        import torch

        from latentfx.effect import encode

        factors = encode(effect(), torch.from_numpy(audio)[None])
        return {factor: value.T.numpy() for factor, value in factors.items()}

    return encode


def _recipe_of(provenance: Mapping[str, Any]) -> Recipe | None:
    """The shipped recipe that made a plugin."""
    name = str(provenance.get("recipe"))
    return load_recipe(name) if name in shipped_recipes() else None


def _settings(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in evaluation.items() if key != "name"}
