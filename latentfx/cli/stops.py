"""Ctrl-C, a polite kill and a closed terminal: they end every command, from its first moment on.

As long as nothing was begun, a signal ends the program at once. Later it raises in the main thread, which
cleans up and leaves without the end of Python, that takes seconds with PyTorch. Where the main thread cannot
hear (it waits for a step of a plugin, or for a file that never speaks), a second thread ends the program two
seconds later.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn

Handler = Callable[[int, FrameType | None], object]

STOPPED: Final = "latentfx: stopped; nothing half-written is left"
GRACE_S: Final = 1.7
_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if sys.platform != "win32" else ()))
_CODES: Final = frozenset(128 + number for number in _NUMBERS)
_patient = False
_farewell = STOPPED


def stop_at_once() -> None:
    """Let a signal end the program while modules are loaded: some catch exceptions, and nothing was begun."""
    _exchange({signal.default_int_handler: _stopped, _terminated: _stopped_by_kill})


def hear_stops() -> None:
    """Let a signal raise from here on: there may be something to clean up."""
    _exchange({_stopped: signal.default_int_handler, _stopped_by_kill: _terminated})


@contextmanager
def nothing_begun() -> Iterator[None]:
    """Let a signal end the program at once within this block, which loads modules and makes nothing."""
    stop_at_once()
    try:
        yield
    finally:
        hear_stops()


def leave_if_stopped(code: object) -> None:
    """End a program that was stopped and has cleaned up: the end of Python takes seconds with PyTorch.

    Args:
        code: the exit code. One that tells of no signal leaves the end to Python.
    """
    if code not in _CODES:
        return
    atexit._run_exitfuncs()
    _discard_parts()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # the terminal is gone
            stream.flush()
    os._exit(int(str(code)))


def _exchange(handlers: dict[object, Handler]) -> None:
    """Put other handlers in the place of ours; those of anybody else stay."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _NUMBERS:
        instead = handlers.get(signal.getsignal(number))
        if instead is not None:
            signal.signal(number, instead)


def hear_kills() -> None:
    """Let a polite kill and a closed terminal clean up as Ctrl-C does, and end what does not hear them."""
    begun = signal.getsignal(signal.SIGINT) is not _stopped
    handler = _terminated if begun else _stopped_by_kill
    signal.signal(signal.SIGTERM, handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, handler)
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
    waits = _patient
    while number := heard.recv(1):
        if number[0] not in _NUMBERS or signal.getsignal(number[0]) == signal.SIG_IGN:
            continue
        if _patient and not waits:
            waits = True
            continue
        _end_steps()
        time.sleep(GRACE_S)
        _discard_parts()
        with suppress(OSError):  # the terminal is gone
            os.write(2, f"{_farewell}\n".encode())
        os._exit(128 + number[0])


def _end_steps() -> None:
    """End every step of a plugin. It imports nothing: the main thread may hold the lock of an import."""
    loaded = sys.modules.get("latentfx.host.watch")
    watchdog = getattr(loaded, "WATCH", None)
    if watchdog is not None:
        watchdog.end_all()


def _discard_parts() -> None:
    """Remove what is half-written; where the module was never loaded, nothing is."""
    discard = getattr(sys.modules.get("latentfx.files"), "discard_parts", None)
    if discard is not None:
        discard()


def _stopped(number: int, frame: FrameType | None) -> NoReturn:
    _discard_parts()
    with suppress(OSError):  # the terminal is gone
        os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)


def _stopped_by_kill(number: int, frame: FrameType | None) -> NoReturn:
    """Do the same; which of the two stands for a signal tells what is to hear it later."""
    _stopped(number, frame)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
