"""Patches beside a file for nn~: help patches for Pure Data and Max, or a device for Live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from latentfx.errors import ExportError
from latentfx.export.bundle import write_file
from latentfx.export.nn_tilde.file import method_names
from latentfx.plugin import Plugin

from .live import live_device
from .max import max_patch
from .panel import Panel, panel_of
from .pd import pd_patch


def write_patches(plugin: Plugin, file: Path, *, live: bool = False) -> tuple[Path, ...]:
    """Write `NAME.pd` and `NAME.maxpat` beside `NAME.ts`, or `NAME.amxd`.

    Args:
        plugin: that the file holds.
        file: for nn~.
        live: write a device of Max for Live instead of help patches.
    Raises:
        ExportError: a name that a patch cannot hold, or a folder that cannot be written.
    """
    if not file.stem.replace("-", "").replace("_", "").isalnum():
        raise ExportError(
            f"{file.name!r}: a patch can name files of letters, digits, - and _ only; rename it"
        )
    panel = panel_of(plugin.spec, file.stem, method_names(plugin))
    patches = {".amxd": live_device} if live else {".pd": _text(pd_patch), ".maxpat": _text(max_patch)}
    written = []
    for suffix, make in patches.items():
        target = file.with_suffix(suffix)
        write_file(target, make(panel))
        written.append(target)
    return tuple(written)


def _text(make: Callable[[Panel], str]) -> Callable[[Panel], bytes]:
    return lambda panel: make(panel).encode()
