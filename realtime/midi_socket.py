"""MIDI bytes over TCP."""

from __future__ import annotations

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


class SocketInput:
    """MIDI bytes over TCP from several programs at once, running status understood.

    A program that leaves lets its own keys go; the last one lets go whatever is held.

    Args:
        address: `PORT` or `HOST:PORT`; the host is this machine alone where it is left out.
        listener: called with every message.
        busy: whether so many messages wait to be heard that no more are taken now.

    Raises:
        MidiError: an address that cannot be listened to.
    """

    def __init__(self, address: str, listener: Listener, busy: Callable[[], bool] = lambda: False) -> None:
        host, _, port = address.rpartition(":")
        self._listener = listener
        self._busy = busy
        self._programs: dict[socket.socket, _Program] = {}
        self._closed = False
        try:
            self._server = socket.create_server((host or "127.0.0.1", int(port)))
        except (OSError, ValueError, OverflowError) as error:
            raise MidiError(
                f"MIDI cannot listen at {address!r} ({error}); write socket:PORT or socket:HOST:PORT, such "
                "as socket:9080"
            ) from None
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
        """Let a program in; one too many is sent away."""
        with suppress(OSError):  # it has gone again
            program, _ = self._server.accept()
            if len(self._programs) >= _MOST_PROGRAMS:
                program.close()
                return
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
        for message in gone.releases() if self._programs else [LET_GO]:
            self._listener(message)


class _Program:
    """A program that sends, and the keys that it holds."""

    def __init__(self) -> None:
        self._parser = ByteParser()
        self._held: set[tuple[int, int]] = set()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes and give the messages that they complete."""
        for message in self._parser.feed(data):
            if message.type == "note_on" and message.velocity:
                self._held.add((message.channel, message.note))
            elif message.type in ("note_on", "note_off"):
                self._held.discard((message.channel, message.note))
            yield message

    def releases(self) -> list[Message]:
        """Messages that let its keys go."""
        return [Message("note_off", channel=channel, note=note) for channel, note in sorted(self._held)]


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
