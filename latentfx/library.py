"""Plugins by name: those that come with latentfx, and files."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from latentfx.errors import PluginFileError, PluginNotFoundError
from latentfx.names import find_name, suggest

if TYPE_CHECKING:
    from latentfx.host.plugin_file import Metadata
    from latentfx.host.runtime import LatentPlugin
    from latentfx.spec import Setting

DEFAULT_PLUGIN = "timbre-swap"


def plugins() -> list[str]:
    """Names of the plugins that come with latentfx, for `load`."""
    folder = resources.files("latentfx.presets") / "plugins"
    if not folder.is_dir():
        return []
    return sorted(
        entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx")
    )


def load(plugin: str | os.PathLike[str], threads: int = 1, **controls: Setting) -> LatentPlugin:
    """Load a shipped plugin by name, or a plugin file by path, and set its controls.

    For example `load("timbre-swap", timbre="flute", mix=0.5)`.

    Args:
        plugin: such as `"timbre-swap"`, or the path of an `.onnx` file. Case and spaces do not matter in a
            name.
        threads: threads that one block may use.
        controls: controls and blends by name; see `LatentPlugin.set`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: the file is damaged, hostile or of another schema.
        ControlError: a control that does not exist, or a value that is not allowed.
    """
    from latentfx.host.runtime import LatentPlugin

    return LatentPlugin(_read(plugin), threads).set(**controls)


def describe(plugin: str | os.PathLike[str]) -> Metadata:
    """What a plugin says of itself, without loading it: takes milliseconds, and runs nothing.

    Args:
        plugin: as for `load`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: the file is damaged, hostile or of another schema.
    """
    from latentfx.host.graph import read_metadata

    return read_metadata(_read(plugin))


def _read(plugin: str | os.PathLike[str]) -> bytes:
    """The content of a plugin's file."""
    from latentfx.host.guard import read_plugin_bytes

    name, known = os.fspath(plugin), plugins()
    if name in known:
        return _shipped(name)
    path = Path(name).expanduser()
    if path.suffix == ".ts":
        raise PluginFileError(
            f"{path} is TorchScript, which runs code when it is opened, and is written for nn~ alone; "
            "load the .onnx file of the plugin"
        )
    if path.suffix == ".onnx" or path.exists():
        return read_plugin_bytes(path)
    meant = find_name(name, known)
    if meant is not None:
        return _shipped(meant)
    raise PluginNotFoundError(
        f"no plugin {name!r}.{suggest(name, known)} latentfx comes with {', '.join(known) or 'none'}; "
        "a plugin of your own is given by the path of its .onnx file"
    )


def _shipped(name: str) -> bytes:
    return (resources.files("latentfx.presets") / "plugins" / f"{name}.onnx").read_bytes()
