"""Real MIDI from another process' port moves a control, and the sound follows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jack_rig import RATE, Rig, die_with_parent

Start = Callable[..., Any]
Write = Callable[..., Path]
PERIOD, HOP = 128, 64
STEP = 4800


@pytest.mark.parametrize("block", [0, 128, 256])
def test_a_knob_is_heard_within_a_period_a_block_and_a_hop(
    rig: Rig, player: Start, plugin_file: Write, block: int
) -> None:
    running = player(
        *("-p", plugin_file("gain"), "--block", block, "--place", "callback"),
        *("--midi", "virtual", "--bind", "cc:7=gain:0..1"),
    )
    rig.connect_midi("latentfx")
    rng = np.random.default_rng(3)
    values = [20, 120, 60, 100] * 4
    times = [STEP * (count + 1) + int(rng.integers(0, PERIOD)) for count in range(len(values))]
    events = [(when, bytes([0xB0, 7, value])) for when, value in zip(times, values, strict=True)]
    audio = np.full((1, STEP * (len(values) + 2)), 0.5, np.float32)
    heard = rig.play(audio, events)[0]
    stats = running.finish()
    latency = round(stats["total_ms"] * RATE / 1000)
    delays = []
    for when, value in zip(times, values, strict=True):
        after = heard[when - PERIOD : when + STEP - PERIOD]
        there = np.flatnonzero(np.isclose(after, 0.5 * value / 127, atol=1e-6))
        assert there.size, f"controller {value} at {when} was not heard"
        delays.append(int(there[0]) - PERIOD)
    assert max(delays) <= PERIOD + (block or PERIOD) + HOP + latency


SENDER = """
import ctypes, sys
ctypes.CDLL("libjack.so.0", mode=ctypes.RTLD_GLOBAL)  # before rtmidi2, whose own is too old for the server
import rtmidi2
port = rtmidi2.MidiOut("Piano", api=rtmidi2.API_UNIX_JACK)
port.open_virtual_port("keys")
print("there", flush=True)
for line in sys.stdin:
    port.send_raw(*bytes.fromhex(line))
"""


class Piano:
    """A keyboard in a process of its own, that can be unplugged."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "there\n"

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def unplug(self) -> None:
        self.process.communicate(timeout=10)


@pytest.fixture
def piano() -> Iterator[Callable[[], Piano]]:
    """Plug a keyboard in."""
    started: list[Piano] = []

    def plug_in() -> Piano:
        started.append(Piano())
        return started[-1]

    yield plug_in
    for keyboard in started:
        if keyboard.process.poll() is None:
            keyboard.unplug()


LISTENER = """
import sys
from latentfx.realtime import list_midi_inputs
from latentfx.realtime.ports import open_midi
ports = []
for name in sys.argv[1:]:
    ports.append(open_midi(name, lambda message, name=name: print(name, message.hex(), flush=True)))
print(*list_midi_inputs(), sep=", ", flush=True)
sys.stdin.readline()
for port in ports:
    port.close()
print("closed", flush=True)
sys.stdin.readline()
"""


def test_each_of_several_ports_hears_its_own_messages_until_it_is_closed(
    rig: Rig, piano: Callable[[], Piano]
) -> None:
    keyboard = piano()
    # In a process of its own: a client that joins holds the interpreter, for which the rig would wait.
    words = [sys.executable, "-c", LISTENER, "Piano:keys", "virtual:left", "virtual:right"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
    ) as listener:
        assert listener.stdin is not None
        assert listener.stdout is not None
        assert {"Piano:keys", "horn:midi"} <= set(listener.stdout.readline().strip().split(", "))
        keyboard.send("B0 07 03")
        assert listener.stdout.readline() == "Piano:keys B0 07 03\n"
        rig.connect_midi("left")
        play(rig, 1)
        assert listener.stdout.readline() == "virtual:left B0 07 01\n"
        rig.connect_midi("right")
        play(rig, 2)
        both = {listener.stdout.readline(), listener.stdout.readline()}
        assert both == {"virtual:left B0 07 02\n", "virtual:right B0 07 02\n"}
        listener.stdin.write("close\n")
        listener.stdin.flush()
        assert listener.stdout.readline() == "closed\n"
        assert not rig.horn.get_ports("latentfx", is_midi=True)


def play(rig: Rig, value: int) -> None:
    """Send one control change, and wait a while."""
    rig.play(np.zeros((1, STEP), np.float32), [(PERIOD, bytes([0xB0, 7, value]))], whole=False)


def level(rig: Rig) -> float:
    """What a tone of 0.5 becomes now, in the end."""
    heard = rig.play(np.full((1, RATE // 8), 0.5, np.float32), tail=0, whole=False)[0, : RATE // 8]
    return float(heard[~np.isnan(heard)][-1])


def test_a_keyboard_is_unplugged_and_plugged_in_again(
    rig: Rig, player: Start, piano: Callable[[], Piano], plugin_file: Write
) -> None:
    keyboard = piano()
    running = player(
        *("-p", plugin_file("gain"), "--place", "callback"),
        *("--midi", "Piano", "--bind", "cc:7=gain:0..1"),
    )
    for _ in range(2):
        assert turns(rig, keyboard, "B0 07 00", 0.0)
        assert turns(rig, keyboard, "B0 07 7F", 0.5)
        keyboard.unplug()
        time.sleep(0.5)
        assert stays(rig, 0.5)
        keyboard = piano()
        wait_for_port(rig)
    assert running.finish()["controls"] == {"gain": 1.0}


def wait_for_port(rig: Rig) -> None:
    """Wait until the host connects to the keyboard again."""
    for _ in range(240):
        if any(port.name.startswith("Piano") and port_is_connected(rig, port.name) for port in ports(rig)):
            return
        level(rig)
    raise AssertionError("the host did not come back to the port")


def ports(rig: Rig) -> list[Any]:
    return list(rig.horn.get_ports("Piano", is_midi=True, is_output=True))


def port_is_connected(rig: Rig, name: str) -> bool:
    return bool(rig.horn.get_all_connections(rig.horn.get_port_by_name(name)))


def turns(rig: Rig, keyboard: Piano, message: str, value: float) -> bool:
    """Turn the knob until the sound follows: a busy sound server may lose a message."""
    for _ in range(40):
        keyboard.send(message)
        if stays(rig, value):
            return True
    return False


def stays(rig: Rig, value: float) -> bool:
    """Whether the tone is there soon; a busy sound server plays holes too."""
    return any(abs(level(rig) - value) < 1e-6 for _ in range(6))
