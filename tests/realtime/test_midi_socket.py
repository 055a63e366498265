"""MIDI over the network: whoever connects plays, and nobody locks out another or drowns the sound."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mido
import pytest
from mido import Message
from test_midi import hear, on

import latentfx
from latentfx.realtime.host import LiveHost
from latentfx.realtime.ports import open_midi


@pytest.fixture
def steps(plugin_file: Callable[[str], Path]) -> Iterator[LiveHost]:
    """A host whose output is its control `gain`: 1 at rest, and the steps from C4 to a key."""
    plugin = latentfx.load(plugin_file("gain"))
    with LiveHost(plugin, block=64, place="callback", bindings=["steps:C4=gain"]) as host:
        host.output.limiter = None
        yield host


def test_a_program_on_the_network_plays_and_its_keys_do_not_stick(steps: LiveHost) -> None:
    port = open_midi("socket:0", steps.send)
    number = int(port.name.partition(":")[2])
    try:
        for _ in range(2):  # it may come again
            with socket.create_connection(("127.0.0.1", number)) as client:
                client.sendall(bytes(on(62, channel=9).bytes()))
                settle(steps, 2)
            settle(steps, 1)
    finally:
        port.close()


def test_idle_program_on_the_network_locks_nobody_out_and_each_lets_its_own_keys_go(steps: LiveHost) -> None:
    port = open_midi("socket:0", steps.send)
    place = ("127.0.0.1", int(port.name.partition(":")[2]))
    try:
        with socket.create_connection(place), socket.create_connection(place) as second:
            with socket.create_connection(place) as third:
                third.sendall(bytes(on(62).bytes()))
                settle(steps, 2)
                second.sendall(bytes(on(63).bytes()))
                settle(steps, 3)
            second.sendall(bytes(on(64).bytes()))
            settle(steps, 4)
    finally:
        port.close()


def test_flood_over_the_network_waits_with_its_sender_and_every_note_is_heard() -> None:
    """Nothing is read while too many wait; a long SysEx among them is skipped."""
    heard: list[Message] = []
    full = threading.Event()
    full.set()
    port = open_midi("socket:0", heard.append, full.is_set)
    try:
        with socket.create_connection(("127.0.0.1", int(port.name.partition(":")[2]))) as client:
            notes = [on(note % 128) for note in range(1000)]
            exclusive = bytes([0xF0, *[1] * 5000, 0xF7])
            client.sendall(exclusive + b"".join(bytes(note.bytes()) for note in notes))
            time.sleep(0.2)
            assert heard == []
            full.clear()
            end = time.monotonic() + 10
            while len(heard) < len(notes) and time.monotonic() < end:
                time.sleep(0.01)
    finally:
        port.close()
    assert heard[: len(notes)] == notes


def test_any_mido_port_may_be_the_sender(steps: LiveHost) -> None:
    port = open_midi("socket:127.0.0.1:0", steps.send)
    try:
        with mido.sockets.connect("127.0.0.1", int(port.name.partition(":")[2])) as client:
            client.send(on(63))
            settle(steps, 3)
    finally:
        port.close()


def settle(host: LiveHost, value: float) -> None:
    """Play until the control is there."""
    end = time.monotonic() + 5
    while hear(host) != value:
        assert time.monotonic() < end
        time.sleep(0.005)
