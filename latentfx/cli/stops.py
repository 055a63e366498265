"""Ctrl-C, a polite kill and a closed terminal: they end every command, from its first moment on.

A signal raises in the main thread, which cleans up. Where that thread cannot hear (it waits for a step of a
plugin, or for a file that never speaks), a second thread ends the program two seconds later.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Final, NoReturn

STOPPED: Final = "latentfx: stopped; nothing half-written is left"
GRACE_S: Final = 1.7
_patient = False
_farewell = STOPPED


def stop_at_once() -> None:
    """Let Ctrl-C end the program while modules are loaded: some catch exceptions, and nothing was begun."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stopped)


def hear_stops() -> None:
    """Let Ctrl-C raise KeyboardInterrupt from here on: there may be something to clean up."""
    if signal.getsignal(signal.SIGINT) is _stopped:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def hear_kills() -> None:
    """Let a polite kill and a closed terminal clean up as Ctrl-C does, and end what does not hear them."""
    signal.signal(signal.SIGTERM, _terminated)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, _terminated)
    heard, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    # `told` is held by the thread: it must stay open.
    threading.Thread(target=_watch, args=(heard, told), name="latentfx-stops", daemon=True).start()


def be_patient() -> None:
    """Give a command that hears the first signal time to save its work; the second signal ends it."""
    global _patient
    _patient = True


def say_when_ended(text: str) -> None:
    """Say this where a command has to be ended, because it does not hear in time.

    Args:
        text: what is left of its work.
    """
    global _farewell
    _farewell = f"latentfx: {text}"


def _watch(heard: socket.socket, told: socket.socket) -> None:
    """Wait for a signal that stops, then for the program to end; then end it."""
    stops = {signal.SIGINT, signal.SIGTERM, *({signal.SIGHUP} if sys.platform != "win32" else ())}
    waits = _patient
    while number := heard.recv(1):
        if number[0] not in stops or signal.getsignal(number[0]) == signal.SIG_IGN:
            continue
        if _patient and not waits:
            waits = True
            continue
        from latentfx.host.watch import WATCH

        WATCH.end_all()
        time.sleep(GRACE_S)
        from latentfx.files import discard_parts

        discard_parts()
        os.write(2, f"{_farewell}\n".encode())
        os._exit(128 + number[0])


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
