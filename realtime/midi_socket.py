"""MIDI bytes over TCP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from mido import Message

from latentfx.errors import MidiError

from .midi_client import LET_GO, Listener


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
            self._listener(LET_GO)


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
