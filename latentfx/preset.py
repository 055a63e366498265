"""Settings under a name: a plugin, the values of its controls, and what MIDI turns."""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import platformdirs

from latentfx.binding import Binding, Source
from latentfx.errors import ControlError, MidiError, PresetError
from latentfx.host.runtime import LatentPlugin
from latentfx.library import load, plugins
from latentfx.preset_text import dump_preset
from latentfx.spec import Blend, Setting

MAX_BYTES: Final = 1 << 16
_NAME = re.compile(r"[\w][\w .-]{0,63}")
_FIELDS: Final = {"plugin", "description", "program", "controls", "midi"}


class PresetWarning(UserWarning):
    """A preset file that cannot be read, and is left out."""


@dataclass(frozen=True)
class Preset:
    """A sound to come back to.

    Args:
        name: what people call it.
        plugin: a shipped plugin, or the path of an `.onnx` file.
        settings: controls and blends by name.
        description: one line for people.
        bindings: what MIDI turns while it is played live.
        program: the MIDI program that calls it, 0 to 127; one that no other asks for where None.
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


def user_folder() -> Path:
    """Where presets are saved; `LATENTFX_PRESETS` names another folder."""
    named = os.environ.get("LATENTFX_PRESETS")
    return Path(named).expanduser() if named else platformdirs.user_config_path("latentfx") / "presets"


def list_presets(plugin: str | None = None) -> list[Preset]:
    """Every preset by name: those that come with latentfx, and the user's, which go first.

    A file that is damaged is left out, with a `PresetWarning`.

    Args:
        plugin: only those of this plugin: its name, or the path of its file however it is written.
    """
    found = []
    for name, path in sorted(_files().items()):
        try:
            found.append(_read(name, path))
        except PresetError as error:
            warnings.warn(f"{error}; it is left out", PresetWarning, stacklevel=2)
    if plugin is None:
        return found
    shipped = plugins()
    wanted = _whole(plugin, shipped)
    return [preset for preset in found if _whole(preset.plugin, shipped) == wanted]


def programs(presets: Iterable[Preset]) -> dict[int, Preset]:
    """Which preset of one plugin each MIDI program calls: the first that asks for it.

    Those that ask for none have the numbers that are left, in order.
    """
    called: dict[int, Preset] = {}
    rest = []
    for preset in presets:
        if preset.program is None:
            rest.append(preset)
        else:
            called.setdefault(preset.program, preset)
    left = (number for number in range(128) if number not in called)
    return called | dict(zip(left, rest, strict=False))


def hidden() -> list[str]:
    """Names of the presets that come with latentfx and are hidden by the user's own."""
    return sorted(_in(_shipped()).keys() & _in(user_folder()).keys())


def load_preset(preset: str | os.PathLike[str]) -> Preset:
    """Load a preset by name, or a preset file by path.

    Raises:
        PresetError: neither; or the file is damaged.
    """
    name = os.fspath(preset)
    files = _files()
    if name in files:
        return _read(name, files[name])
    path = Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return _read(path.stem, path)
    near = get_close_matches(name, files, 1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise PresetError(
        f"no preset {name!r}.{guess} There are {', '.join(sorted(files)) or 'none'}; "
        "a preset of your own may be given by the path of its .toml file"
    )


def same_plugin(a: str, b: str) -> bool:
    """Whether two texts that `load` takes mean one plugin: a name, or a file by whatever path."""
    return a == b or _whole(a, shipped := plugins()) == _whole(b, shipped)


def save_preset(preset: Preset, overwrite: bool = False) -> Path:
    """Write a preset into the user's folder and return the file.

    Raises:
        PresetError: a name that makes no file, a preset of this name, or a folder that cannot be written.
    """
    if not _NAME.fullmatch(preset.name):
        raise PresetError(f"a preset cannot be called {preset.name!r}; use letters, digits, - and _")
    folder = user_folder()
    path = folder / f"{preset.name}.toml"
    if path.exists() and not overwrite:
        raise PresetError(
            f"there is a preset {preset.name!r} in {folder}; replace it with --overwrite "
            "(overwrite=True in Python), or choose another name"
        )
    preset = replace(preset, plugin=_whole(preset.plugin, plugins()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(dump_preset(preset), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise PresetError(f"cannot write {path} ({error.strerror or error})") from None
    return path


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
        ends.append(dict(loaded.controls))
    for control in loaded.spec.controls:
        low, high = (control.to_unit(end[control.name]) for end in ends)
        loaded.controls[control.name] = control.from_unit(low + (high - low) * t)
    between = Preset.of(loaded, a.name, a.plugin)
    return replace(a, settings=between.settings)


def _whole(plugin: str, shipped: Sequence[str]) -> str:
    """What means the same plugin everywhere: the name of a shipped one, or the whole path of a file."""
    return plugin if plugin in shipped else str(Path(plugin).expanduser().resolve())


def _mixture(plugin: LatentPlugin, blend: Blend) -> dict[str, float]:
    if blend.reference is not None and plugin.controls[blend.reference.control]:
        raise PresetError(
            f"{blend.name} was learnt from a recording, which a preset cannot hold; choose another "
            f"{blend.name} to save, or keep the recording and give it as --reference"
        )
    return {label: plugin.controls[k] for label, k in blend.choices.items() if plugin.controls[k]}


def _files() -> dict[str, Traversable]:
    """Name -> file; the user's hide shipped ones of the same name."""
    return _in(_shipped()) | _in(user_folder())


def _shipped() -> Traversable:
    return resources.files("latentfx.presets") / "settings"


def _in(folder: Traversable) -> dict[str, Traversable]:
    """Name -> file of one folder; empty where it is not there."""
    files = folder.iterdir() if folder.is_dir() else ()
    return {file.name.removesuffix(".toml"): file for file in files if file.name.endswith(".toml")}


def _read(name: str, path: Traversable) -> Preset:
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise PresetError(f"{len(data)} bytes; allowed {MAX_BYTES}")
        return _parse(name, tomllib.loads(data.decode("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise PresetError(f"preset {name!r} cannot be read: {why} ({path})") from None


def _parse(name: str, raw: dict[str, Any]) -> Preset:
    unknown = raw.keys() - _FIELDS
    if unknown:
        raise PresetError(f"it has {', '.join(sorted(unknown))}; allowed {', '.join(sorted(_FIELDS))}")
    if not isinstance(raw.get("plugin"), str) or not isinstance(raw.get("controls", {}), dict):
        raise PresetError('it needs plugin = "NAME" and a table [controls]')
    settings: dict[str, Any] = raw.get("controls", {})
    for control, value in settings.items():
        if not isinstance(value, int | float | str | dict):
            raise PresetError(f"{control} is {value!r}; write a number, a choice or a table of choices")
    program = raw.get("program")
    if program is not None and not (isinstance(program, int) and 0 <= program <= 127):
        raise PresetError(f"program is {program!r}; allowed 0 to 127")
    bindings = tuple(
        Binding(**{**binding, "source": Source.parse(str(binding["source"]))})
        for binding in raw.get("midi", ())
    )
    description = str(raw.get("description", ""))
    return Preset(name, raw["plugin"], settings, description, bindings, program)
