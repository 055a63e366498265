"""What the shell may put in with Tab: names of plugins, presets, recipes and timbres.

A list without an entry lets the shell put in files.
"""

from __future__ import annotations

from collections.abc import Iterable

import typer

from latentfx.errors import LatentFXError


def complete_plugin(incomplete: str) -> list[str]:
    """Names of shipped plugins."""
    from latentfx.library import plugins

    return _beginning(incomplete, plugins())


def complete_preset(incomplete: str) -> list[str]:
    """Names of presets: those that come with latentfx, and the user's."""
    from latentfx.preset import preset_names

    return _beginning(incomplete, preset_names())


def complete_recipe(incomplete: str) -> list[str]:
    """Names of shipped recipes."""
    from latentfx.training.recipes.files import shipped_recipes

    return _beginning(incomplete, shipped_recipes())


def complete_timbre(context: typer.Context, incomplete: str) -> list[str]:
    """Timbres of the plugin on the command line; after a `+`, those that may follow."""
    from latentfx.library import describe

    before, plus, begun = incomplete.rpartition("+")
    try:
        blends = describe(_plugin(context)).spec.blends
    except LatentFXError:
        return []
    labels = [label for blend in blends if blend.name == "timbre" for label in blend.labels]
    return [f"{before}{plus}{label}" for label in _beginning(begun, labels)]


def _plugin(context: typer.Context) -> str:
    """The plugin that the command line names itself, or by a preset; else the default."""
    from latentfx.library import DEFAULT_PLUGIN
    from latentfx.preset import load_preset

    given = context.params
    preset = given.get("preset") or given.get("base")
    if preset and not given.get("plugin"):
        return load_preset(preset).plugin
    return given.get("plugin") or DEFAULT_PLUGIN


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
