"""The command `latentfx`. What it needs is loaded when it runs; Ctrl-C ends it from the first moment on."""

from __future__ import annotations

import io
import os
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

from latentfx.cli.stops import hear_kills, leave_if_stopped, stop_at_once

if TYPE_CHECKING:
    from latentfx.cli.verbs import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; a polite kill cleans up as Ctrl-C does, and a warning of ours is a line."""
    stop_at_once()
    from latentfx.cli.verbs import app

    warnings.showwarning = _warned
    hear_kills()
    _speak_any_text()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        _give_up_output(error)
    except SystemExit as end:
        leave_if_stopped(end.code)
        raise


def _speak_any_text() -> None:
    """Letters that the output's encoding lacks, and names that are not UTF-8, are written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output(error: OSError) -> NoReturn:
    """End where the output cannot be written: the interpreter would try again, and say so in its own way."""
    with suppress(OSError):
        sys.stderr.write(f"latentfx: the output cannot be written: {error.strerror or error}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)


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
