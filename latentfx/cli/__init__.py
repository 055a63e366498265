"""The command `latentfx`. What it needs is loaded when it runs; Ctrl-C ends it from the first moment on."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, TextIO

from latentfx.cli.stops import hear_kills, stop_at_once

if TYPE_CHECKING:
    from latentfx.cli.verbs import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; a polite kill cleans up as Ctrl-C does, and a warning of ours is a line."""
    stop_at_once()
    from latentfx.cli.verbs import app

    warnings.showwarning = _warned
    hear_kills()
    app()


def __getattr__(name: str) -> object:
    """Load `app` when it is asked for."""
    if name != "app":
        raise AttributeError(f"module 'latentfx.cli' has no attribute {name!r}")
    from latentfx.cli.verbs import app

    return app


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if category.__module__.startswith("latentfx."):
        from latentfx.cli.note import say_note

        say_note(str(message))
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))
