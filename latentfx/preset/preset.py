"""A preset: a plugin, the values of its controls, and what MIDI turns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentfx.binding import Binding
from latentfx.errors import ControlError, MidiError, PresetError
from latentfx.files import expanded
from latentfx.library import load, plugins
from latentfx.spec import Blend, PluginSpec, Setting

if TYPE_CHECKING:
    from latentfx.host.runtime import LatentPlugin


@dataclass(frozen=True)
class Preset:
    """A sound to come back to.

    Args:
        name: what people call it.
        plugin: a shipped plugin, or the path of an `.onnx` file.
        settings: controls and blends by name.
        description: one line for people.
        bindings: what MIDI turns while it is played live.
        program: the MIDI program that calls it, 0 to 127; where None, one that no other preset asks for.
    """

    name: str
    plugin: str
    settings: Mapping[str, Setting] = field(default_factory=dict)
    description: str = ""
    bindings: tuple[Binding, ...] = ()
    program: int | None = None

    @classmethod
    def of(cls, plugin: LatentPlugin, name: str, source: str, **more: Any) -> Preset:
        """The settings of a loaded plugin.

        Args:
            plugin: as it is set now.
            name: of the preset.
            source: what `load` takes for this plugin.
            more: other fields of the preset.

        Raises:
            PresetError: the plugin plays a choice that was learnt from a recording.
        """
        blended = {control for blend in plugin.spec.blends for control in blend.controls}
        settings: dict[str, Setting] = {k: v for k, v in plugin.controls.items() if k not in blended}
        for blend in plugin.spec.blends:
            settings[blend.name] = _mixture(plugin, blend)
        return cls(name, source, settings, **more)

    def load(self, threads: int = 1) -> LatentPlugin:
        """Load the plugin and set it.

        Raises:
            PluginNotFoundError: the plugin is not there.
            PresetError: a setting that the plugin does not have, or does not allow.
        """
        plugin = load(self.plugin, threads)
        self.set(plugin)
        return plugin

    def set(self, plugin: LatentPlugin) -> None:
        """Set a plugin's controls; those that the preset leaves out go to their defaults.

        Raises:
            PresetError: a setting that the plugin does not have, or does not allow.
        """
        before = plugin.controls.values_row.copy()
        plugin.controls.values_row[:] = plugin.spec.defaults
        try:
            plugin.set(**self.settings)
            for binding in self.bindings:
                binding.target(plugin.spec)
        except (ControlError, MidiError) as error:
            plugin.controls.values_row[:] = before
            raise PresetError(f"preset {self.name!r} does not fit plugin {plugin.name!r}: {error}") from None


def check_fit(preset: Preset, spec: PluginSpec) -> None:
    """Check that a plugin has what a preset sets and binds, without loading it.

    Raises:
        ControlError: a setting that the plugin does not have, or does not allow.
        MidiError: a binding that makes no sense for it.
    """
    blends = {blend.name: blend for blend in spec.blends}
    for name, value in preset.settings.items():
        if name in blends:
            blends[name].weights(value)  # type: ignore[arg-type]  # it refuses numbers
        else:
            spec.controls[spec.index(name)].check(value)  # type: ignore[arg-type]  # it refuses text
    for binding in preset.bindings:
        binding.target(spec)


def same_plugin(a: str, b: str) -> bool:
    """Whether two texts that `load` takes mean one plugin: a name, or a file by whatever path."""
    return a == b or whole_name(a, shipped := plugins()) == whole_name(b, shipped)


def morph(a: Preset, b: Preset, t: float, plugin: LatentPlugin | None = None) -> Preset:
    """A preset between two of one plugin: every knob so far on its way, blends weight by weight.

    Args:
        a: the preset at 0; name, description and MIDI are taken from it.
        b: the preset at 1.
        t: 0 to 1.
        plugin: the loaded plugin, where it is at hand.

    Raises:
        PresetError: presets of different plugins, a preset that does not fit, or t outside 0 to 1.
    """
    if not same_plugin(a.plugin, b.plugin):
        raise PresetError(f"{a.name!r} plays {a.plugin} and {b.name!r} {b.plugin}; morph two of one plugin")
    if not 0 <= t <= 1:
        raise PresetError(f"morph is at {t!r}; allowed 0 to 1")
    loaded = load(a.plugin) if plugin is None else plugin.copy()
    ends = []
    for preset in (a, b):
        preset.set(loaded)
        ends.append({**loaded.controls, **_shares(loaded)})
    for control in loaded.spec.controls:
        low, high = (control.to_unit(end[control.name]) for end in ends)
        loaded.controls[control.name] = control.from_unit(low + (high - low) * t)
    between = Preset.of(loaded, a.name, a.plugin)
    return replace(a, settings=between.settings)


def _shares(plugin: LatentPlugin) -> dict[str, float]:
    """The controls of every blend, weighed as they are played."""
    shares: dict[str, float] = {}
    for blend in plugin.spec.blends:
        shares |= blend.shares(plugin.controls)
    return shares


def whole_name(plugin: str, shipped: Sequence[str]) -> str:
    """What means the same plugin everywhere: the name of a shipped one, or the whole path of a file."""
    return plugin if plugin in shipped else str(Path(os.path.realpath(expanded(plugin))))


def _mixture(plugin: LatentPlugin, blend: Blend) -> dict[str, float]:
    if blend.reference is not None and plugin.controls[blend.reference.control]:
        raise PresetError(
            f"{blend.name} was learnt from a recording, which a preset cannot hold; choose another "
            f"{blend.name} to save, or keep the recording and give it as --reference"
        )
    return {label: plugin.controls[k] for label, k in blend.choices.items() if plugin.controls[k]}
