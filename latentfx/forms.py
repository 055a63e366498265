"""The forms of file that a plugin is exported to, and how the name of each ends."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from latentfx.errors import ExportError
from latentfx.names import shown

WEB: Final = "web"
SUFFIXES: Final = {"onnx": ".onnx", "nn~": ".ts", "neutone": ".nm", "m4l": ".amxd"}


def check_names(target: Path | None, to: str | None, name: str | None) -> None:
    """Refuse the file or the name of a plugin that cannot be written, before anything is loaded.

    Args:
        target: the file to write; None where the exporter names it.
        to: the form; None where `target` says it.
        name: of the plugin; None where the source says it.

    Raises:
        ExportError: a name that is empty or has control characters, or a file that ends in something else.
    """
    if name is not None and not (name.strip() and name.isprintable()):
        raise ExportError(
            f"the plugin's name is '{shown(name)}'; it needs a letter, and no control characters. "
            "Give another --name"
        )
    if target is None or to == WEB:
        return
    if target.is_dir():
        raise ExportError(
            f"{shown(str(target))} is a folder; name a file in it, which ends in {_listed()}. "
            f"Only a page (--to {WEB}) is a folder"
        )
    if target.suffix not in SUFFIXES.values():
        raise ExportError(
            f"{shown(str(target))} ends in {target.suffix!r}; a plugin file ends in {_listed()}. Rename it, "
            f"or make a page of it with --to {WEB}"
        )


def _listed() -> str:
    *most, last = SUFFIXES.values()
    return f"{', '.join(most)} or {last}"
