"""MIDI ports: real ones that may be unplugged, virtual ones, and sockets."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import mido
from mido import Message

from latentfx.errors import MidiError

from .quiet import quiet

CLIENT: Final = "latentfx"
VIRTUAL: Final = "virtual"
_LOOK_AGAIN_S: Final = 0.2
_LET_GO: Final = Message("reset")  # of the keys of every channel

Listener = Callable[[Message], None]


class MidiInput(Protocol):
    """Something that hands MIDI messages to a listener until it is closed."""

    name: str

    @property
    def connected(self) -> bool:
        """Whether messages can come."""

    def attend(self) -> None:
        """Look whether the port was unplugged, or is back."""

    def close(self) -> None:
        """Let the port go."""


def list_midi_inputs() -> list[str]:
    """Names of the MIDI inputs that can be opened; none where the system has no MIDI."""
    return [name for api in _apis() for name in _names(api)]


def open_midi(wanted: str, listener: Listener) -> MidiInput:
    """Open a MIDI input.

    Args:
        wanted: a port's name or a part of it; `virtual` or `virtual:NAME` for a port that other programs
            connect to; `socket:PORT` or `socket:HOST:PORT` to listen for one program on the network.
        listener: called with every message, in a thread of the port's.

    Raises:
        MidiError: no such port, or it cannot be opened.
    """
    kind, _, rest = wanted.partition(":")
    if kind == "socket":
        return SocketInput(rest, listener)
    if kind == VIRTUAL:
        return _VirtualInput(rest or "control", listener)
    return PortInput(wanted, listener)


class PortInput:
    """A MIDI port of the system, opened again when it comes back.

    One client is kept for all of that: JACK waits for a client that joins, which holds the interpreter, and
    sound that is on already would be waiting for the interpreter.

    Args:
        wanted: its name, or a part of it.
        listener: called with every message; when the port is lost, with one that lets every key go.

    Raises:
        MidiError: no port of that name, several, or one that cannot be opened.
    """

    def __init__(self, wanted: str, listener: Listener) -> None:
        self._listener = listener
        self._looked = time.monotonic()
        found = [(api, name) for api in _apis() for name in _names(api)]
        fits = wanted.casefold() if wanted.strip() else None  # nothing is a part of every name
        fitting = [(api, name) for api, name in found if fits is not None and fits in name.casefold()]
        exact = [(api, name) for api, name in fitting if name == wanted]
        if len(exact or fitting) != 1:
            names = ", ".join(repr(name) for _, name in fitting or found) or "none"
            problem = "several MIDI inputs fit" if fitting else "no MIDI input fits"
            raise MidiError(
                f"{problem} {wanted!r}; there are {names}. Give a name or a part of it, plug it in, or "
                "connect to --midi virtual"
            )
        ((api, self.name),) = exact or fitting
        self._client = _join(api)
        try:
            self._open()
        except MidiError:
            self._client.delete()
            raise

    @property
    def connected(self) -> bool:
        """Whether the port is plugged in."""
        return bool(self._client.is_port_open())

    def attend(self) -> None:
        """Look, five times a second at most, whether the port went or came back."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN_S:
            return
        self._looked = now
        there = self.name in self._client.get_ports()
        if self.connected and not there:
            self._client.close_port()
            self._listener(_LET_GO)
        elif there and not self.connected:
            with contextlib.suppress(MidiError):
                self._open()

    def close(self) -> None:
        """Let the port go."""
        self._client.delete()

    def _open(self) -> None:
        try:
            self._client.open_port(self._client.get_ports().index(self.name))
        except (OSError, RuntimeError, ValueError) as error:
            raise MidiError(
                f"MIDI input {self.name!r} cannot be opened: {error}. Does another program hold it?"
            ) from None
        self._client.set_callback(self._hear)

    def _hear(self, event: tuple[list[int], float], _: object) -> None:
        with contextlib.suppress(ValueError):  # bytes that are no message
            self._listener(Message.from_bytes(event[0]))


class _VirtualInput:
    """A port of our own."""

    connected = True

    def __init__(self, name: str, listener: Listener) -> None:
        self.name = f"{CLIENT}:{name}"
        for api in _apis():
            try:
                self._port = _backend(api).open_input(
                    name, virtual=True, client_name=CLIENT, callback=listener
                )
            except (OSError, ValueError, NotImplementedError):
                continue
            return
        raise MidiError("this system has no virtual MIDI ports; name a port, or use --midi socket:9080")

    def attend(self) -> None:
        """A port of our own cannot be unplugged."""

    def close(self) -> None:
        """Take the port away."""
        self._port.close()


class SocketInput:
    """MIDI bytes over TCP, one program at a time, running status understood.

    Args:
        address: `PORT` or `HOST:PORT`; the host is this machine alone where it is left out.
        listener: called with every message.

    Raises:
        MidiError: an address that cannot be listened to.
    """

    def __init__(self, address: str, listener: Listener) -> None:
        host, _, port = address.rpartition(":")
        self._listener = listener
        self._client: socket.socket | None = None
        self._closed = False
        try:
            self._server = socket.create_server((host or "127.0.0.1", int(port)))
        except (OSError, ValueError, OverflowError) as error:
            raise MidiError(
                f"MIDI cannot listen at {address!r} ({error}); write socket:PORT or socket:HOST:PORT, such "
                "as socket:9080"
            ) from None
        self._server.settimeout(0.2)
        self.name = f"socket:{self._server.getsockname()[1]}"
        threading.Thread(target=self._work, name="latentfx-midi", daemon=True).start()

    @property
    def connected(self) -> bool:
        """Whether a program is connected."""
        return self._client is not None

    def attend(self) -> None:
        """The listening thread sees for itself who comes and goes."""

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._server.close()
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        while not self._closed:
            try:
                self._client, _ = self._server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with self._client as client, contextlib.suppress(OSError):
                parser = ByteParser()
                while data := client.recv(256):
                    for message in parser.feed(data):
                        self._listener(message)
            self._client = None
            self._listener(_LET_GO)


class ByteParser:
    """MIDI bytes as messages, with running status: data bytes without a status repeat the last one."""

    def __init__(self) -> None:
        self._status = 0
        self._data: list[int] = []
        self._exclusive = False

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes and give the messages that they complete.

        >>> list(ByteParser().feed(bytes([0xB0, 7, 1, 7, 2])))[1].value
        2
        """
        for byte in data:
            if byte >= 0xF8:  # real-time messages may stand anywhere
                continue
            if byte >= 0x80:
                self._status = byte if byte < 0xF0 else 0
                self._data = []
                continue
            if not self._status:
                continue
            self._data.append(byte)
            if len(self._data) == (1 if self._status & 0xE0 == 0xC0 else 2):
                yield Message.from_bytes([self._status, *self._data])
                self._data = []


def _apis() -> list[str]:
    """Rtmidi's ways to MIDI on a system like this one.

    Raises:
        MidiError: rtmidi is not there.
    """
    if importlib.util.find_spec("rtmidi") is None:
        raise MidiError("MIDI needs python-rtmidi: pip install python-rtmidi")
    if sys.platform == "darwin":
        return ["MACOSX_CORE"]
    if sys.platform == "win32":
        return ["WINDOWS_MM"]
    return ["LINUX_ALSA", "UNIX_JACK"] if Path("/dev/snd/seq").exists() else ["UNIX_JACK"]


def _names(api: str) -> list[str]:
    """Inputs of one API; none where it does not work on this machine."""
    try:
        client = _join(api)
    except MidiError:
        return []
    names: list[str] = client.get_ports()
    client.delete()
    return names


def _join(api: str) -> Any:
    """A client of one API's; it must be deleted: one that just ends lets JACK wait for it.

    Raises:
        MidiError: the API does not work on this machine.
    """
    import rtmidi

    with quiet():
        try:
            return rtmidi.MidiIn(getattr(rtmidi, f"API_{api}"), name=CLIENT)
        except (OSError, RuntimeError, AttributeError) as error:
            raise MidiError(f"MIDI is not there ({api}): {error}") from None


def _backend(api: str) -> mido.Backend:
    return mido.Backend(f"mido.backends.rtmidi/{api}")
