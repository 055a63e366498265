"""A client of the system's MIDI, through rtmidi2."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from mido import Message

from latentfx.errors import MidiError

from .quiet import quiet

CLIENT: Final = "latentfx"
LET_GO: Final = Message("reset")  # of the keys of every channel
JACK: Final = "UNIX_JACK"
_NO_START_SERVER: Final = 1  # JackNoStartServer
_LAST_CALL_S: Final = 0.01

Listener = Callable[[Message], None]


class MidiClient:
    """A client of one MIDI API, with one input port at most.

    JACK waits for a client that joins, and rtmidi2 holds the interpreter meanwhile. Make clients before sound
    is on, and keep them.

    Args:
        api: one of `midi_apis()`.
        listener: called with every message, in a thread of the API.

    Raises:
        MidiError: rtmidi2 is not installed, or the API does not work on this machine.
    """

    def __init__(self, api: str, listener: Listener = lambda message: None) -> None:
        rtmidi2 = _load_rtmidi2()
        if api == JACK and not _jack_server_answers():  # rtmidi2 would end the process later
            raise MidiError("MIDI is not there: no JACK server answers")
        with quiet():
            try:
                self._midi = rtmidi2.MidiIn(CLIENT, api=getattr(rtmidi2, f"API_{api}"))
            except RuntimeError as error:
                raise MidiError(f"MIDI is not there ({api}): {error}") from None
        self._listener = listener
        self._callback = self._hear  # rtmidi2 borrows it: this reference keeps it alive
        self._midi.callback = self._callback

    def port_names(self) -> list[str]:
        """Names of the inputs that can be opened now."""
        return [name for name in self._midi.ports if name]

    def open_port(self, name: str) -> None:
        """Listen to an input.

        Raises:
            MidiError: it is gone.
        """
        try:
            self._midi.open_port(self._midi.ports.index(name))
        except ValueError:
            raise MidiError(f"MIDI input {name!r} is gone; plug it in again") from None

    def open_virtual_port(self, name: str) -> None:
        """Make a port that other programs connect to."""
        self._midi.open_virtual_port(name)

    def close_port(self) -> None:
        """Stop listening; the client stays."""
        self._midi.close_port()

    def close(self) -> None:
        """Leave. A callback that is under way ends first: the API waits for it, without the interpreter."""
        self._midi.callback = None
        time.sleep(_LAST_CALL_S)
        del self._midi

    def _hear(self, data: list[int], _: float) -> None:
        with contextlib.suppress(ValueError):  # bytes that are no message
            self._listener(Message.from_bytes(data))


def midi_apis() -> list[str]:
    """RtMidi's names of the MIDI APIs that a system like this one has.

    Raises:
        MidiError: rtmidi2 is not installed.
    """
    _load_rtmidi2()
    if sys.platform == "darwin":
        return ["MACOSX_CORE"]
    if sys.platform == "win32":
        return ["WINDOWS_MM"]
    alsa = ["LINUX_ALSA"] if Path("/dev/snd/seq").exists() else []
    return [*alsa, JACK] if _load_jack() else alsa


def _load_rtmidi2() -> Any:
    if sys.platform == "linux":
        _load_jack()
    try:
        import rtmidi2
    except ImportError as error:
        raise MidiError(f"MIDI needs rtmidi2: pip install rtmidi2 ({error})") from None
    return rtmidi2


@functools.cache
def _load_jack() -> ctypes.CDLL | None:
    """The system's JACK library, None where there is none.

    rtmidi2's wheels for Linux hold a JACK library that does not speak to the servers of Debian 12 and 13, nor
    to PipeWire. Loaded before rtmidi2, and for all to see, the system's library serves rtmidi2 too.
    """
    try:
        library = ctypes.CDLL("libjack.so.0", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return None
    library.jack_client_open.restype = ctypes.c_void_p
    library.jack_client_close.argtypes = [ctypes.c_void_p]
    return library


def _jack_server_answers() -> bool:
    library = _load_jack()
    if library is None:
        return False
    with quiet():
        client = library.jack_client_open(CLIENT.encode(), _NO_START_SERVER, None)
        if client:
            library.jack_client_close(client)
    return bool(client)
