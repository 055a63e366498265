"""Settings under a name: a plugin, the values of its controls, and what MIDI turns."""

from __future__ import annotations

from latentfx.preset.files import (
    PresetWarning,
    delete_preset,
    hidden,
    list_presets,
    load_preset,
    preset_names,
    programs,
    rename_preset,
    save_preset,
    user_folder,
)
from latentfx.preset.preset import Preset, morph, same_plugin
from latentfx.preset.text import dump_preset

__all__ = [
    "Preset",
    "PresetWarning",
    "delete_preset",
    "dump_preset",
    "hidden",
    "list_presets",
    "load_preset",
    "morph",
    "preset_names",
    "programs",
    "rename_preset",
    "same_plugin",
    "save_preset",
    "user_folder",
]
