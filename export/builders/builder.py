"""Which plugin is built from which method's checkpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from latentfx.errors import ExportError
from latentfx.export.origin import origin
from latentfx.methods.base import Objective
from latentfx.plugin import Plugin
from latentfx.training import catalogue
from latentfx.training.catalogue import Method


def _leave(objective: Any) -> None:
    """Most objectives make a plugin before they are trained, too."""


def _is_finished(plugin: Plugin, card: Mapping[str, Any]) -> None:
    """Most plugins need nothing of the card."""


@dataclass(frozen=True)
class Builder:
    """How the checkpoints of one method become plugins.

    Args:
        build: makes the plugin from the trained objective, its name, and the choice at start (None: its own).
        provenance: what the file says of its origin, from the checkpoint's card.
        as_if_trained: lets an objective without weights pass for a trained one; they are filled in later.
        at_latency: gives the settings with which the same weights play at another latency (samples); None
            for a method that has only one.
        finish: sets what the card knows of the trained model, in tensors that the plugin file holds.
    """

    build: Callable[[Any, str, str | None], Plugin]
    provenance: Callable[[Mapping[str, Any]], dict[str, Any]] = origin
    as_if_trained: Callable[[Any], None] = _leave
    at_latency: Callable[[Any, int], Any] | None = None
    finish: Callable[[Plugin, Mapping[str, Any]], None] = _is_finished


def builder_of(method: Method) -> Builder:
    """The builder of a method: its `Builder`, or a function that builds the plugin and nothing more.

    Raises:
        ExportError: a method without a plugin.
        RecipeError: the code that it names cannot be loaded.
    """
    found = method.load_plugin()
    if found is None:
        able = ", ".join(name for name, entry in catalogue.METHODS.items() if entry.plugin)
        raise ExportError(
            f"no plugin is built from {method.objective}; methods with a plugin: {able}. "
            "Build one with latentfx.effect.LatentEffect and give it to latentfx.export.export_onnx"
        )
    builder = found if isinstance(found, Builder) else Builder(found)
    if not method.plugin_settings:
        return builder
    return replace(builder, build=functools.partial(builder.build, **method.plugin_settings))


def set_latency(objective: Objective, method: Method, latency: int) -> None:
    """Let a trained objective play with another latency.

    Args:
        latency: samples.
    Raises:
        ExportError: a method that has only one latency, or a latency that the model cannot have.
    """
    change = builder_of(method).at_latency
    if change is None:
        raise ExportError(
            f"the latency is {latency}; a plugin of {method.objective} has only one. Leave the option out"
        )
    objective.config = change(objective.config, latency)


def build_plugin(
    objective: Objective,
    card: Mapping[str, Any],
    name: str,
    default: str | None = None,
    method: Method | None = None,
) -> tuple[Plugin, dict[str, Any]]:
    """Wrap a trained objective as the plugin of its method.

    Args:
        objective: as `latentfx.training.runs.checkpoint.load_checkpoint` gives it.
        card: of its checkpoint.
        name: of the plugin.
        default: what its operator is set to at start, a timbre for example.
        method: as `latentfx.training.runs.checkpoint.method_of` gives it; None takes the one of the catalogue
            that the card names.
    Returns:
        The plugin, and its provenance.
    Raises:
        ExportError: a method without a plugin, a default that the plugin does not have, or [plugin] settings
            that its builder does not take.
    """
    method = method or catalogue.of_recipe(card["recipe"])
    builder = builder_of(method)
    try:
        plugin = builder.build(objective, name, default)
    except TypeError as error:
        if not method.plugin_settings and not catalogue.is_code(str(method.plugin)):
            raise
        raise ExportError(_cannot_build(method, error)) from error
    builder.finish(plugin, card)
    return plugin, builder.provenance(card)


def _cannot_build(method: Method, error: TypeError) -> str:
    if method.plugin_settings:
        settings = ", ".join(method.plugin_settings)
        return f"the builder {method.plugin} does not take the settings of [plugin] ({settings}): {error}"
    return (
        f"the builder {method.plugin} makes no plugin: {error}. A builder is called with the objective, the "
        "plugin's name and the choice at start"
    )
