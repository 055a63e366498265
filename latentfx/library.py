"""Plugins by name: those that come with latentfx, and files."""

from __future__ import annotations

import os
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from latentfx.errors import PluginFileError, PluginNotFoundError
from latentfx.host.runtime import LatentPlugin


def plugins() -> list[str]:
    """Names of the plugins that come with latentfx, for `load`."""
    folder = resources.files("latentfx.presets") / "plugins"
    if not folder.is_dir():
        return []
    return sorted(
        entry.name.removesuffix(".onnx") for entry in folder.iterdir() if entry.name.endswith(".onnx")
    )


def load(plugin: str | os.PathLike[str], threads: int = 1) -> LatentPlugin:
    """Load a shipped plugin by name, or a plugin file by path.

    Args:
        plugin: such as `"timbre-swap"`, or the path of an `.onnx` file.
        threads: threads that one block may use.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: the file is damaged, hostile or of another schema.
    """
    name = os.fspath(plugin)
    if name in plugins():
        return LatentPlugin(_shipped(name), threads)
    path = Path(name).expanduser()
    if path.suffix == ".ts":
        raise PluginFileError(
            f"{path} is TorchScript, which runs code when it is opened, and is written for nn~ alone; "
            "load the .onnx file of the plugin"
        )
    if path.suffix == ".onnx" or path.exists():
        return LatentPlugin.load(path, threads)
    raise PluginNotFoundError(_not_found(name))


def _shipped(name: str) -> bytes:
    return (resources.files("latentfx.presets") / "plugins" / f"{name}.onnx").read_bytes()


def _not_found(name: str) -> str:
    known = plugins()
    near = get_close_matches(name, known, 1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"no plugin {name!r}.{guess} latentfx comes with {', '.join(known) or 'none'}; "
        "a plugin of your own is given by the path of its .onnx file"
    )
