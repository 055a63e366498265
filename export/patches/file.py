"""Help patches beside a file for nn~: one for Pure Data, one for Max."""

from __future__ import annotations

from pathlib import Path

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.bundle import write_file
from latentfx.export.nn_tilde.latent import operator_name
from latentfx.plugin import Plugin

from .max import max_patch
from .panel import panel_of
from .pd import pd_patch


def write_patches(plugin: Plugin, file: Path) -> tuple[Path, ...]:
    """Write `NAME.pd` and `NAME.maxpat` beside `NAME.ts`.

    Raises:
        ExportError: a name that a patch cannot hold, or a folder that cannot be written.
    """
    if not file.stem.replace("-", "").replace("_", "").isalnum():
        raise ExportError(
            f"{file.name!r}: a patch can name files of letters, digits, - and _ only; rename it"
        )
    methods = (operator_name(plugin),) if isinstance(plugin, LatentEffect) else ()
    panel = panel_of(plugin.spec, file.stem, methods)
    written = []
    for suffix, text in ((".pd", pd_patch(panel)), (".maxpat", max_patch(panel))):
        target = file.with_suffix(suffix)
        write_file(target, text.encode())
        written.append(target)
    return tuple(written)
