"""MIDI ports: real ones that may be unplugged, virtual ones, and sockets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final, Protocol

from latentfx.errors import MidiError

from .midi_client import CLIENT, LET_GO, Listener, MidiClient, midi_apis
from .midi_socket import SocketInput

VIRTUAL: Final = "virtual"
_LONGEST_NAME: Final = 64  # JACK allows more, ALSA as many
_LOOK_AGAIN_S: Final = 0.2


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
    return [name for api in midi_apis() for name in _names(api)]


def open_midi(wanted: str, listener: Listener, busy: Callable[[], bool] = lambda: False) -> MidiInput:
    """Open a MIDI input.

    Args:
        wanted: a port's name or a part of it; `virtual` or `virtual:NAME` for a port that other programs
            connect to; `socket:PORT` or `socket:HOST:PORT` to listen for programs on the network.
        listener: called with every message, in a thread of the port's.
        busy: whether so many messages wait that a socket takes no more now.

    Raises:
        MidiError: no such port, or it cannot be opened.
    """
    kind, _, rest = wanted.partition(":")
    if kind == "socket":
        return SocketInput(rest, listener, busy)
    if kind == VIRTUAL:
        return VirtualInput(rest or "control", listener)
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
        found = [(api, name) for api in midi_apis() for name in _names(api)]
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
        self._client = MidiClient(api, listener)
        self.connected = False
        try:
            self._open()
        except MidiError:
            self._client.close()
            raise

    def attend(self) -> None:
        """Look, five times a second at most, whether the port went or came back."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN_S:
            return
        self._looked = now
        there = self.name in self._client.port_names()
        if self.connected and not there:
            self._client.close_port()
            self.connected = False
            self._listener(LET_GO)
        elif there and not self.connected:
            with contextlib.suppress(MidiError):
                self._open()

    def close(self) -> None:
        """Let the port go."""
        self._client.close()

    def _open(self) -> None:
        self._client.open_port(self.name)
        self.connected = True


class VirtualInput:
    """A port of our own, which other programs connect to.

    Args:
        name: its name, up to 64 printable ASCII characters.
        listener: called with every message.

    Raises:
        MidiError: another name, or a system without virtual ports.
    """

    connected = True

    def __init__(self, name: str, listener: Listener) -> None:
        if not (name.isascii() and name.isprintable() and len(name) <= _LONGEST_NAME):
            raise MidiError(
                f"name of a virtual MIDI port {name!r}; allowed are up to {_LONGEST_NAME} letters without "
                "accents, digits and signs. Write one like virtual:knobs"
            )
        self.name = f"{CLIENT}:{name}"
        for api in midi_apis():
            if api != "WINDOWS_MM":
                with contextlib.suppress(MidiError):
                    self._client = MidiClient(api, listener)
                    self._client.open_virtual_port(name)
                    return
        raise MidiError("this system has no virtual MIDI ports; name a port, or use --midi socket:9080")

    def attend(self) -> None:
        """A port of our own cannot be unplugged."""

    def close(self) -> None:
        """Take the port away."""
        self._client.close()


def _names(api: str) -> list[str]:
    """Inputs of one API; none where it does not work on this machine."""
    try:
        client = MidiClient(api)
    except MidiError:
        return []
    names = client.port_names()
    client.close()
    return names
