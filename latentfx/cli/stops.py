"""Ctrl-C and a polite kill: what they do to a command, from its first moment on."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

STOPPED: Final = "latentfx: stopped; nothing half-written is left"


def stop_at_once() -> None:
    """Let Ctrl-C end the program while modules are loaded: some catch exceptions, and nothing was begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)


def hear_stops() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from here on: there may be something to clean up."""
    if signal.getsignal(signal.SIGINT) is _stopped:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def hear_kills() -> None:
    """Let a polite kill clean up as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _terminated)


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
