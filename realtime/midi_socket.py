"""MIDI bytes over TCP."""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from mido import Message

from latentfx.errors import MidiError

from .midi_client import LET_GO, Listener

# Of all programs together, a second brings 32 kB: ten times what a MIDI cable carries. More waits with those
# that send it, so that a flood cannot take the processor from the sound.
_AT_ONCE: Final = 256
_PAUSE_S: Final = 0.008
_LOOK_S: Final = 0.05
_MOST_PROGRAMS: Final = 16
_ADDRESS: Final = re.compile(r"((\[(?P<six>[^\[\]\s\0]+)\]|(?P<host>[^\[\]:\s\0]*)):)?(?P<port>[0-9]{1,5})")
_LAST_PORT: Final = 65_535
_KEY, _PEDAL = "key", "pedal"
_PEDALS: Final = range(64, 70)


class SocketInput:
    """MIDI bytes over TCP from several programs at once, running status understood.

    A program that leaves lets go those of its keys and pedals that no other program holds; the last one lets
    go whatever is held. Where one comes too many, the one that was silent for the longest time leaves.

    Args:
        address: `PORT` or `HOST:PORT`, an IPv6 host in brackets; the host is this machine alone where it is
            left out. Port 0 is any free one.
        listener: called with every message.
        busy: whether so many messages wait to be heard that no more are taken now.

    Raises:
        MidiError: an address that cannot be listened to.
    """

    def __init__(self, address: str, listener: Listener, busy: Callable[[], bool] = lambda: False) -> None:
        self._listener = listener
        self._busy = busy
        self._programs: dict[socket.socket, _Program] = {}
        self._closed = False
        self._server = _listen(address)
        self._server.setblocking(False)
        self.name = f"socket:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._work, name="latentfx-midi", daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        """Whether a program is connected."""
        return bool(self._programs)

    def attend(self) -> None:
        """The listening thread sees for itself who comes and goes."""

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        self._thread.join()

    def _work(self) -> None:
        with self._server, selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            while not self._closed:
                if self._busy():
                    time.sleep(_PAUSE_S)
                    continue
                ready = {key.fileobj for key, _ in selector.select(_LOOK_S)}
                talking = [program for program in self._programs if program in ready]
                taken = sum(self._hear(selector, program, len(talking)) for program in talking)
                if self._server in ready:
                    self._welcome(selector)
                if taken >= _AT_ONCE // 2:
                    time.sleep(_PAUSE_S)
            for program in list(self._programs):
                program.close()
            self._programs.clear()

    def _welcome(self, selector: selectors.BaseSelector) -> None:
        """Let a program in; where it is one too many, the one that was silent the longest leaves."""
        with suppress(OSError):  # it has gone again
            program, _ = self._server.accept()
            if len(self._programs) >= _MOST_PROGRAMS:
                silent = min(self._programs, key=lambda one: self._programs[one].heard_s)
                self._part_from(selector, silent)
            program.setblocking(False)
            self._programs[program] = _Program()
            selector.register(program, selectors.EVENT_READ)

    def _hear(self, selector: selectors.BaseSelector, program: socket.socket, of: int) -> int:
        """Take the part of one of so many programs, and say how many bytes it had."""
        try:
            data = program.recv(max(_AT_ONCE // of, 1))
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        for message in self._programs[program].feed(data):
            self._listener(message)
        if not data:
            self._part_from(selector, program)
        return len(data)

    def _part_from(self, selector: selectors.BaseSelector, program: socket.socket) -> None:
        selector.unregister(program)
        program.close()
        gone = self._programs.pop(program)
        if not self._programs:
            self._listener(LET_GO)
        others = {hold for other in self._programs.values() for hold in other.held}
        for kind, channel, number in sorted(gone.held - others):
            self._listener(_release(kind, channel, number))


def _listen(address: str) -> socket.socket:
    """Listen at an address.

    Raises:
        MidiError: no address, or one that cannot be listened to.
    """
    form = _ADDRESS.fullmatch(address)
    why: object = "a port is a number from 0 to 65535, and an IPv6 address stands in brackets"
    if form is not None and int(form["port"]) <= _LAST_PORT:
        family = socket.AF_INET6 if form["six"] else socket.AF_INET
        try:
            return socket.create_server(
                (form["six"] or form["host"] or "127.0.0.1", int(form["port"])), family=family
            )
        except (OSError, ValueError) as error:
            why = error
    raise MidiError(
        f"MIDI cannot listen at {address!r} ({why}); write socket:PORT or socket:HOST:PORT, such as "
        "socket:9080 or socket:[::1]:9080"
    )


def _release(kind: str, channel: int, number: int) -> Message:
    """The message that lets a key or a pedal go."""
    if kind == _KEY:
        return Message("note_off", channel=channel, note=number)
    return Message("control_change", channel=channel, control=number, value=0)


class _Program:
    """A program that sends, and what it holds: (key or pedal, channel, number)."""

    def __init__(self) -> None:
        self._parser = ByteParser()
        self.held: set[tuple[str, int, int]] = set()
        self.heard_s = time.monotonic()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes and give the messages that they complete."""
        if data:
            self.heard_s = time.monotonic()
        for message in self._parser.feed(data):
            self._keep(message)
            yield message

    def _keep(self, message: Message) -> None:
        """Keep in mind what goes down and what comes up."""
        if message.type in ("note_on", "note_off"):
            hold, down = (_KEY, message.channel, message.note), message.type == "note_on" and message.velocity
        elif message.type == "control_change" and message.control in _PEDALS:
            hold, down = (_PEDAL, message.channel, message.control), message.value
        else:
            return
        if down:
            self.held.add(hold)
        else:
            self.held.discard(hold)


class ByteParser:
    """MIDI bytes as messages, with running status: data bytes without a status repeat the last one."""

    def __init__(self) -> None:
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes and give the messages that they complete; SysEx is skipped, however long.

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
