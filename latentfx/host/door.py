"""Opens the file of a plugin, of either kind: a graph of ours, or a program for nn~."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final, Protocol

from latentfx.arrays import Float32
from latentfx.errors import MissingExtraError, PluginFileError
from latentfx.host.first_contact import is_trusted, meet
from latentfx.host.graph import Graph, read_metadata
from latentfx.host.guard import naming, read_plugin_bytes
from latentfx.host.nn_tilde.first_use import known_facts, meet_nn_tilde
from latentfx.host.plugin_file import Metadata
from latentfx.host.stream import Blocks

_ZIP: Final = b"PK\x03\x04"


class RunningBlocks(Blocks, Protocol):
    """Blocks that can begin anew."""

    def reset(self) -> None:
        """Go back to the start of the stream."""


class Playable(Protocol):
    """What a plugin file holds, opened: all copies of a plugin share it."""

    @property
    def metadata(self) -> Metadata:
        """What is known of the file."""

    def open(
        self, batch: int, initial: Mapping[str, Float32], controls: Float32, limit_s: float = ...
    ) -> RunningBlocks:
        """Open a stream of whole blocks; see `BlockStream`."""


def is_nn_tilde(data: bytes) -> bool:
    """Whether a file is TorchScript, as nn~ loads it, by its first bytes."""
    return data.startswith(_ZIP)


def admit(path: str | os.PathLike[str], trust: bool = False, checked: bool = False) -> tuple[bytes, bool]:
    """Read a plugin file that is to be run here, and try it first where it is new.

    Args:
        path: of the file. Those that come with latentfx are neither tried nor looked through.
        trust: whether its operators and sizes may be any.
        checked: leave out the trial, because the file was checked elsewhere.

    Returns:
        Its content, and whether it is trusted.

    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: it cannot be read, or is refused.
    """
    data = read_plugin_bytes(path)
    if _is_shipped(Path(path)):
        return data, True
    trust = trust or is_trusted(data)
    if not checked:
        name = Path(path).stem
        if is_nn_tilde(data):
            check_trust(trust, name)
        with naming(path):
            meet_file(data, trust, name)
    return data, trust


def _is_shipped(path: Path) -> bool:
    shipped = resources.files("latentfx.presets") / "plugins"
    return os.path.realpath(path.parent) == os.path.realpath(str(shipped))


def meet_file(data: bytes, trust: bool, name: str) -> None:
    """Try a file in a process of its own, unless it has passed before; see `first_contact`.

    Raises:
        PluginFileError: it is refused, crashes or takes too much.
    """
    if is_nn_tilde(data):
        meet_nn_tilde(data, name)
    else:
        meet(data, trust)


def open_file(data: bytes, threads: int, trust: bool, name: str) -> Playable:
    """Open a file to play it.

    Args:
        data: content of the file.
        threads: that one block may use.
        trust: see `latentfx.load`.
        name: of a file that does not say its own.

    Raises:
        PluginFileError: damaged, hostile, of another schema, or a program that nobody trusts.
        MissingExtraError: a file for nn~, and torch is not installed.
    """
    if not is_nn_tilde(data):
        return Graph(data, threads, trust)
    check_trust(trust, name)
    try:
        from latentfx.host.nn_tilde.model import NnTildeModel
    except ModuleNotFoundError as error:
        raise MissingExtraError("a file for nn~", "lab", error.name or "torch") from None
    return NnTildeModel(data, threads, meet_nn_tilde(data, name))


def describe_file(data: bytes, path: str | os.PathLike[str]) -> Metadata:
    """What a file says of itself, or was found at an earlier use. Nothing runs.

    Args:
        data: content of the file.
        path: of the file, for errors, and for the name of a file that does not say its own.

    Raises:
        PluginFileError: damaged or hostile; or a file for nn~ that was never played here.
    """
    if not is_nn_tilde(data):
        with naming(path):
            return read_metadata(data)
    name = Path(path).stem
    known = known_facts(data, name)
    if known is None:
        raise PluginFileError(
            f"{name} is a file for nn~ that was never played here: what it is shows when it runs. It is a "
            "program: if you know where it comes from, play it once with --trust, such as latentfx apply "
            f"SOURCE TARGET --plugin {name}.ts --trust"
        )
    return known


def check_trust(trust: bool, name: str) -> None:
    """Refuse a file for nn~ that nobody trusts.

    Raises:
        PluginFileError: it is refused.
    """
    if not trust:
        raise PluginFileError(
            f"{name} is TorchScript: a program that runs when it is opened. Add --trust "
            "(trust=True) if you know where it comes from; the .onnx of the same plugin is data and needs no "
            "trust"
        )
