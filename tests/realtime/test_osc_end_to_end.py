"""OSC from other processes, over real UDP, moves the sound; programs find the addresses by themselves."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jack_rig import RATE, Rig, die_with_parent

from latentfx.preset import Preset, save_preset

Start = Callable[..., Any]
Write = Callable[..., Path]
HOP = 64

SENDER = """
import sys, time
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import UDPClient
client = UDPClient("127.0.0.1", int(sys.argv[1]))
def message(address, *values):
    builder = OscMessageBuilder(address=address)
    for value in values:
        builder.add_arg(value)
    return builder.build()
print("there", flush=True)
for line in sys.stdin:
    delay, address, *values = eval(line)
    if delay is None:
        client.send(message(address, *values))
    else:
        bundle = OscBundleBuilder(time.time() + delay)
        bundle.add_content(message(address, *values))
        client.send(bundle.build())
    print("sent", flush=True)
"""


class Sender:
    """A program of its own that sends OSC."""

    def __init__(self, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SENDER, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "there\n"

    def send(self, address: str, *values: object, delay_s: float | None = None) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{(delay_s, f'/latentfx/{address}', *values)!r}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "sent\n"


@pytest.fixture
def port() -> int:
    """A port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def sender(port: int) -> Iterator[Sender]:
    sender = Sender(port)
    yield sender
    sender.process.communicate(timeout=10)


@pytest.fixture
def playing(player: Start, plugin_file: Write, port: int, tmp_path: Path, monkeypatch: Any) -> Any:
    """A plugin whose output is its input times `gain`, 0 to 4, that listens for OSC."""
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    monkeypatch.chdir(tmp_path)
    plugin = plugin_file("gain")
    for name, gain in (("soft", 0.25), ("loud", 3.0)):
        save_preset(Preset(name, str(plugin), {"gain": gain}))
    return player("-p", plugin, "--osc", port, "--place", "callback")


def ask(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def level(rig: Rig) -> float:
    """What a steady 0.2 becomes now, in the end."""
    heard = rig.play(np.full((1, RATE // 8), 0.2, np.float32), tail=0, whole=False)[0, : RATE // 8]
    return round(float(heard[~np.isnan(heard)][-1]) / 0.2, 3)


def test_every_address_moves_the_sound(rig: Rig, playing: Any, sender: Sender, tmp_path: Path) -> None:
    for address, values, wanted in (
        ("gain", [2.0], 2.0),
        ("gain", [1], 1.0),
        ("gain", [77.0], 4.0),
        ("preset", ["soft"], 0.25),
        ("preset/next", [], 3.0),
        ("preset/morph", ["soft", "loud", 0.5], 1.625),
        ("bypass", [True], 1.0),
        ("bypass", [False], 1.625),
    ):
        sender.send(address, *values)
        assert level(rig) == wanted or level(rig) == wanted, (address, values)
    sender.send("record", "take.wav")
    level(rig)
    sender.send("record/stop")
    sender.send("record", "../take.wav")
    level(rig)
    playing.finish()
    assert {path.name for path in tmp_path.glob("take*")} == {"take.wav", "take-dry.wav", "take.mid"}
    assert "1 of 11 OSC packets could not be obeyed" in playing.errors.read_text()
    assert "no plain file name" in playing.errors.read_text()


def test_programs_find_every_control_with_its_range(playing: Any, port: int) -> None:
    assert ask(port, "/?HOST_INFO")["OSC_PORT"] == port
    tree = ask(port, "/")["CONTENTS"]["latentfx"]["CONTENTS"]
    gain = tree["gain"]
    assert (gain["FULL_PATH"], gain["TYPE"], gain["ACCESS"]) == ("/latentfx/gain", "f", 3)
    assert (gain["RANGE"], gain["VALUE"]) == ([{"MIN": 0.0, "MAX": 4.0}], [1.0])
    assert gain["DEFAULT_VALUE"] == [1.0]
    assert tree["preset"]["RANGE"] == [{"VALS": ["loud", "soft"]}]
    assert tree["meter"]["CONTENTS"]["load"]["ACCESS"] == 1
    assert ask(port, "/latentfx/gain?VALUE") == {"VALUE": [1.0]}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(port, "/latentfx/drive")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask(port, "/latentfx/gain?COLOUR")


def test_subscribers_hear_meters_and_what_changes(rig: Rig, playing: Any, port: int, sender: Sender) -> None:
    from pythonosc.osc_message import OscMessage

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        sender.send("subscribe", listener.getsockname()[1])
        sender.send("gain", 2.5)
        heard: dict[str, Any] = {}
        end = time.monotonic() + 20
        threading.Thread(target=level, args=(rig,)).start()
        while time.monotonic() < end and not (
            heard.get("/latentfx/gain") == 2.5 and heard.get("/latentfx/meter/out_db", -120) > -30
        ):
            message = OscMessage(listener.recv(65536))
            heard[message.address] = message.params[0]
        assert heard["/latentfx/gain"] == 2.5
        assert heard["/latentfx/meter/out_db"] > -30
        sender.send("gain", "loud")
        while message.address != "/latentfx/error" and time.monotonic() < end:
            message = OscMessage(listener.recv(65536))
        assert "allowed 0 to 4" in message.params[0]


def test_timetags_are_kept_to_the_hop_whenever_their_bundles_come(rig: Rig, playing: Any, port: int) -> None:
    """A score of 50 steps, 20 ms apart, sent at random times before, in any order."""
    from pythonosc.osc_bundle_builder import OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder

    audio = np.full((1, 3 * RATE), 0.1, np.float32)
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(rig.play(audio, whole=False)[0]))
    thread.start()
    time.sleep(0.5)
    begin, rng = time.time() + 0.7, np.random.default_rng(4)
    steps = [(number, begin + 0.02 * number) for number in range(50)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in rng.permutation(50):
            builder = OscMessageBuilder(address="/latentfx/gain")
            builder.add_arg(1.02 + 0.05 * number, "f")
            bundle = OscBundleBuilder(steps[number][1])
            bundle.add_content(builder.build())
            out.sendto(bundle.build().dgram, ("127.0.0.1", port))
            time.sleep(float(rng.uniform(0, 0.01)))
    thread.join()
    playing.finish()
    gains = heard[0] / 0.1
    found = [np.flatnonzero(np.abs(gains - (1.02 + 0.05 * number)) < 1e-3) for number in range(50)]
    starts = [int(places[0]) for places in found if places.size]
    assert len(starts) >= 30, "a busy sound server loses some"
    assert starts == sorted(starts)
    assert abs(np.median(np.diff(starts)) - 0.02 * RATE) <= 2 * HOP


def test_bad_packets_are_counted_and_change_nothing(rig: Rig, playing: Any, port: int) -> None:
    rng = np.random.default_rng(1)
    good = b"/latentfx/gain\0\0,f\0\0" + np.array(2.0, ">f4").tobytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(2000):
            noise = rng.integers(0, 256, int(rng.integers(0, 200)), np.uint8).tobytes()
            kinds = (noise, b"/latentfx/" + noise, good[: number % 20], b"#bundle\0" + noise)
            out.sendto(kinds[number % 4], ("127.0.0.1", port))
            if number % 50 == 0:
                time.sleep(0.01)
        assert level(rig) == 1.0
        out.sendto(b"/latentfx/gain\0\0,f\0\0" + np.array(2.0, ">f4").tobytes(), ("127.0.0.1", port))
        assert level(rig) == 2.0 or level(rig) == 2.0
    stats = playing.finish()
    assert stats["controls"] == {"gain": 2.0}
    assert "OSC packets could not be obeyed" in playing.errors.read_text()


PATCH = """#N canvas 0 0 450 300 12;
#X obj 10 10 loadbang;
#X obj 10 40 t b b b;
#X msg 200 70 connect 127.0.0.1 {port};
#X obj 10 130 list append 2.75;
#X obj 10 160 list trim;
#X obj 10 190 oscformat latentfx gain;
#X obj 10 250 netsend -u -b;
#X obj 100 70 delay 500;
#X msg 10 100 float;
#X obj 10 220 list prepend send;
#X obj 10 235 list trim;
#X msg 10 70 2.75;
#X connect 0 0 1 0;
#X connect 1 2 2 0;
#X connect 1 1 11 0;
#X connect 2 0 6 0;
#X connect 11 0 5 0;
#X connect 5 0 9 0;
#X connect 9 0 10 0;
#X connect 10 0 6 0;
"""


def test_pure_data_plays_it_by_its_own_oscformat(rig: Rig, playing: Any, port: int, tmp_path: Path) -> None:
    pd = shutil.which("pd")
    assert pd is not None, "Pure Data is missing: .ci/system-packages installs it"
    (tmp_path / "send.pd").write_text(PATCH.format(port=port))
    command = [pd, "-nogui", "-noaudio", "-nomidi", "-stderr", "-open", str(tmp_path / "send.pd")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            end = time.monotonic() + 20
            while level(rig) != 2.75 and time.monotonic() < end:
                time.sleep(0.1)
        finally:
            running.terminate()
    assert level(rig) == 2.75


def test_a_port_that_is_taken_is_said(player: Start, plugin_file: Write, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with pytest.raises(RuntimeError, match=f"OSC cannot listen on 127.0.0.1:{port}.*another port"):
            player("-p", plugin_file("gain"), "--osc", port)
