"""MIDI over the network: whoever connects plays, and nobody locks out another or drowns the sound."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import mido
import pytest
from mido import Message
from test_midi import hear, on

import latentfx
from latentfx.errors import MidiError
from latentfx.realtime.host import LiveHost
from latentfx.realtime.midi_client import LET_GO
from latentfx.realtime.ports import MidiInput, open_midi


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


@pytest.mark.parametrize(
    "address",
    ["", ":", "1_0", " 80", "+80", "-1", "65536", "٣", "[::1]", "::1:0", "[::1:0", "a b:0", "a\0:0"],
)
def test_address_that_is_none_is_refused_in_words(address: str) -> None:
    with pytest.raises(
        MidiError, match=r"cannot listen at .*\(a port is a number from 0 to 65535"
    ) as refused:
        open_midi(f"socket:{address}", lambda message: None)
    assert "such as socket:9080 or socket:[::1]:9080" in str(refused.value)


def test_ipv6_address_stands_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every machine has IPv6, so that the system is only asked for it here."""
    asked = []
    create = socket.create_server

    def create_server(place: tuple[str, int], family: int) -> socket.socket:
        asked.append((place, family))
        return create(("127.0.0.1", 0))

    monkeypatch.setattr("latentfx.realtime.midi_socket.socket.create_server", create_server)
    open_midi("socket:[::1]:9080", lambda message: None).close()
    assert asked == [(("::1", 9080), socket.AF_INET6)]


def test_program_that_is_one_too_many_takes_the_place_of_the_one_that_was_silent_the_longest() -> None:
    heard: list[Message] = []
    port = open_midi("socket:0", heard.append)
    try:
        with ExitStack() as clients:
            programs = []
            for note in range(17):
                programs.append(
                    clients.enter_context(socket.create_connection(("127.0.0.1", number_of(port))))
                )
                programs[-1].sendall(bytes(on(note).bytes()))
                wait_for(heard, [on(note)])
                if note == 15:  # the first one is heard again, so that the second is silent the longest
                    programs[0].sendall(bytes(on(100).bytes()))
                    wait_for(heard, [on(100)])
            assert Message("note_off", note=1) in heard
            assert programs[1].recv(1) == b""
            programs[0].sendall(bytes(on(101).bytes()))
            wait_for(heard, [on(101)])
    finally:
        port.close()


def test_program_that_leaves_lets_go_its_pedal_and_no_key_that_another_holds() -> None:
    heard: list[Message] = []
    port = open_midi("socket:0", heard.append)
    pedal = Message("control_change", channel=2, control=64, value=127)
    try:
        place = ("127.0.0.1", number_of(port))
        with socket.create_connection(place) as stays:
            stays.sendall(bytes(on(60).bytes()))
            wait_for(heard, [on(60)])
            with socket.create_connection(place) as leaves:
                leaves.sendall(b"".join(bytes(one.bytes()) for one in (on(60), on(61), pedal)))
                wait_for(heard, [on(60), on(60), on(61), pedal])
            let_go = [Message("note_off", note=61), pedal.copy(value=0)]
            wait_for(heard, let_go)
            stays.sendall(bytes(pedal.bytes()))
            wait_for(heard, [pedal, pedal])
        wait_for(heard, [LET_GO])
        wait_for(heard, [pedal.copy(value=0)] * 2)
    finally:
        port.close()
    assert heard.count(Message("note_off", note=61)) == 1


def number_of(port: MidiInput) -> int:
    """The port at which programs come."""
    return int(port.name.partition(":")[2])


def wait_for(heard: list[Message], wanted: list[Message]) -> None:
    """Wait until these messages were heard, each as often as it is wanted."""
    end = time.monotonic() + 5
    while any(heard.count(message) < wanted.count(message) for message in wanted):
        assert time.monotonic() < end, f"{wanted} are not among {heard}"
        time.sleep(0.005)


def settle(host: LiveHost, value: float) -> None:
    """Play until the control is there."""
    end = time.monotonic() + 5
    while hear(host) != value:
        assert time.monotonic() < end
        time.sleep(0.005)
