"""The command `latentfx`. What it needs is loaded when it runs; Ctrl-C ends it from the first moment on."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

if TYPE_CHECKING:
    from latentfx.cli.verbs import app

__all__ = ["app", "main"]

STOPPED: Final = "latentfx: stopped; nothing half-written is left"


def main() -> None:
    """Run the command line; a polite kill cleans up as Ctrl-C does, and a warning of ours is a line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)
    from latentfx.cli.verbs import app

    warnings.showwarning = _warned
    signal.signal(signal.SIGTERM, _terminated)
    app()


def hear_stops() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from here on: there may be something to clean up."""
    if signal.getsignal(signal.SIGINT) is _stopped:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def __getattr__(name: str) -> object:
    """Load `app` when it is asked for."""
    if name != "app":
        raise AttributeError(f"module 'latentfx.cli' has no attribute {name!r}")
    from latentfx.cli.verbs import app

    return app


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    """End while modules are loaded, some of which catch exceptions; nothing was begun."""
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)


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


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
