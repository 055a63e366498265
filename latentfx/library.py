"""Plugins by name: those that come with latentfx, and files."""

from __future__ import annotations

import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from latentfx.errors import PluginNotFoundError
from latentfx.files import expanded
from latentfx.names import find_name, shown, suggest

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


def load(
    plugin: str | os.PathLike[str],
    threads: int = 1,
    trust: bool = False,
    checked: bool = False,
    **controls: Setting,
) -> LatentPlugin:
    """Load a shipped plugin by name, or a plugin file by path, and set its controls.

    For example `load("timbre-swap", timbre="flute", mix=0.5)`.

    A file that is new here is first loaded and played in a process of its own, which takes half a second, and
    never again for the same bytes (`latentfx.host.first_contact`).

    Args:
        plugin: such as `"timbre-swap"`, or the path of an `.onnx` file, or of a `.ts` file for nn~. Case and
            spaces do not matter in a name.
        threads: threads that one block may use.
        trust: open a file whose operators or sizes break the rules for files from strangers, because you know
            the author. An `.onnx` file may then take all memory, or never end; it cannot run code. A `.ts`
            file for nn~ is a program: it is opened with `trust` alone, and needs the extra `lab`.
        checked: leave out the process of its own, because the file was checked elsewhere.
        controls: controls and blends by name; see `LatentPlugin.set`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: the file is damaged, hostile or of another schema.
        ControlError: a control that does not exist, or a value that is not allowed.
    """
    from latentfx.host.runtime import LatentPlugin

    found = _find(plugin)
    if isinstance(found, Path):
        return LatentPlugin.load(found, threads, trust, checked).set(**controls)
    return LatentPlugin(found, threads, trust=True).set(**controls)  # it comes with latentfx


def trust_plugin(plugin: str | os.PathLike[str]) -> None:
    """Open this very file with `trust` wherever it is loaded, in this process and those that it starts.

    Args:
        plugin: as for `load`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: it cannot be read.
    """
    from latentfx.host.first_contact import trust_bytes

    trust_bytes(_read(plugin))


def fingerprint(plugin: str | os.PathLike[str]) -> str:
    """The SHA-256 of a plugin's file, by which a batch knows that it is the same plugin.

    Args:
        plugin: as for `load`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: it cannot be read.
    """
    return hashlib.sha256(_read(plugin)).hexdigest()


def describe(plugin: str | os.PathLike[str]) -> Metadata:
    """What a plugin says of itself, without loading it: takes milliseconds, and runs nothing.

    Args:
        plugin: as for `load`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
        PluginFileError: the file is damaged, hostile or of another schema; or for nn~, and never played here.
    """
    from latentfx.host.door import describe_file

    return describe_file(_read(plugin), plugin)


def is_shipped(plugin: str | os.PathLike[str]) -> bool:
    """Whether a plugin comes with latentfx, by its name.

    Args:
        plugin: as for `load`.

    Raises:
        PluginNotFoundError: neither a shipped plugin nor a file.
    """
    return isinstance(_find(plugin), bytes)


def _read(plugin: str | os.PathLike[str]) -> bytes:
    """The content of a plugin's file."""
    from latentfx.host.guard import read_plugin_bytes

    found = _find(plugin)
    return read_plugin_bytes(found) if isinstance(found, Path) else found


def _find(plugin: str | os.PathLike[str]) -> bytes | Path:
    """The content of a shipped plugin, or the path of a file."""
    known = plugins()
    if not isinstance(plugin, (str, os.PathLike)):
        raise PluginNotFoundError(
            f"a plugin is given as {shown(repr(plugin), 60)}; give a name, such as {DEFAULT_PLUGIN!r}, or "
            "the path of an .onnx file"
        )
    name = os.fspath(plugin)
    if name in known:
        return _shipped(name)
    path = expanded(name)
    if path.suffix in (".onnx", ".ts") or os.path.exists(path):  # noqa: PTH110  # Path.exists raises for a long name
        return path
    meant = find_name(name, known)
    if meant is not None:
        return _shipped(meant)
    raise PluginNotFoundError(
        f"no plugin {name!r}.{suggest(name, known)} latentfx comes with {', '.join(known) or 'none'}; "
        "a plugin of your own is given by the path of its .onnx file"
    )


def _shipped(name: str) -> bytes:
    return (resources.files("latentfx.presets") / "plugins" / f"{name}.onnx").read_bytes()
