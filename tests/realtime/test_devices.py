"""Which devices are meant, which pairs are refused, and two clocks that drift."""

from __future__ import annotations

import gc
import json
import os
import platform
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from jack_rig import RATE, Rig

import latentfx
from latentfx.cli.devices import devices as list_them
from latentfx.errors import LiveError
from latentfx.realtime import steady
from latentfx.realtime.devices import Device, find_device, share_a_clock
from latentfx.realtime.drift import DriftBridge


def device(index: int, name: str, api: str = "ALSA", inputs: int = 2, outputs: int = 2) -> Device:
    return Device(index, name, api, inputs, outputs, 48_000.0, 5.0, 5.0, index == 0, index == 0)


KNOWN = [
    device(0, "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    device(1, "HDA Intel PCH: HDMI 0 (hw:0,3)", inputs=0),
    device(2, "USB Mic: Audio (hw:1,0)", outputs=0),
    device(3, "USB Headphones: Audio (hw:2,0)", inputs=0),
    device(4, "default"),
    device(5, "USB Mic", "JACK Audio Connection Kit", outputs=0),
    device(6, "system", "JACK Audio Connection Kit"),
]


@pytest.mark.parametrize(
    ("wanted", "kind", "index"),
    [
        (None, "input", 0),
        ("usb mic: audio", "input", 2),
        ("usb mic", "input", 5),
        (6, "output", 6),
        ("6", "output", 6),
        ("headphones", "output", 3),
        ("default", "input", 4),
    ],
)
def test_a_device_is_found_by_name_part_or_number(wanted: str | int | None, kind: Any, index: int) -> None:
    assert find_device(wanted, kind, KNOWN).index == index


@pytest.mark.parametrize(
    ("wanted", "kind", "message"),
    [
        ("trombone", "input", r"no sound input fits 'trombone': 0 'HDA"),
        ("HDMI", "input", "no sound input fits"),
        ("hda", "output", r"2 sound outputs fit 'hda': 0 .*, 1 .*Give one of these numbers"),
        (2, "output", "no sound output fits 2"),
    ],
)
def test_a_device_that_is_not_meant_clearly_is_asked_for(wanted: str | int, kind: Any, message: str) -> None:
    with pytest.raises(LiveError, match=message):
        find_device(wanted, kind, KNOWN)
    with pytest.raises(LiveError, match="has no sound input; plug one in"):
        find_device(None, "input", [KNOWN[1]])


def test_names_are_listed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("latentfx.realtime.list_devices", lambda: [device(0, "Mic [red] :star:")])
    monkeypatch.setattr("latentfx.realtime.accepted_rates", lambda devices: [[48_000]])
    monkeypatch.setattr("latentfx.realtime.list_midi_inputs", lambda: ["Knobs [/x]"])
    list_them(as_json=False)
    shown = capsys.readouterr().out
    assert "Mic [red] :star:" in shown
    assert "Knobs [/x]" in shown


def test_devices_of_one_card_or_server_share_a_clock() -> None:
    assert share_a_clock(KNOWN[0], KNOWN[1])
    assert share_a_clock(KNOWN[5], KNOWN[6])
    assert share_a_clock(KNOWN[4], KNOWN[4])
    assert not share_a_clock(KNOWN[2], KNOWN[3])
    assert not share_a_clock(KNOWN[2], KNOWN[6])


@pytest.mark.parametrize(
    ("ppm", "rates", "blocks"),
    [
        (300, (48_000, 48_000), (128, 256)),
        (-300, (48_000, 48_000), (128, 256)),
        (0, (48_000, 48_000), (256, 256)),
        (50, (44_100, 48_000), (128, 128)),
        (-100, (48_000, 44_100), (256, 64)),
    ],
)
def test_two_clocks_stay_together(ppm: float, rates: tuple[int, int], blocks: tuple[int, int]) -> None:
    """An input whose clock is off, for half a minute: nothing is lost, and a tone stays a tone."""
    (in_rate, out_rate), (in_block, out_block) = rates, blocks
    bridge = DriftBridge(1, in_rate, out_rate, in_block, out_block)
    true_rate = in_rate * (1 + ppm * 1e-6)
    heard = []
    taken, now = 0, 0.003
    while now < 30:
        while taken / true_rate <= now:
            times = (taken + np.arange(in_block)) / true_rate
            bridge.write((0.5 * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)[None])
            taken += in_block
        out = np.zeros((1, out_block), np.float32)
        bridge.read(out)
        heard.append(out[0])
        now += out_block / out_rate
    assert bridge.slips == 0
    assert bridge.latency_s < 0.03
    tone = np.concatenate(heard)[-out_rate // 50 :]
    times = np.arange(len(tone)) / out_rate
    errors = []
    for hertz in 1000 * (1 + np.linspace(-4e-4, 4e-4, 33)):
        basis = np.stack([np.sin(2 * np.pi * hertz * times), np.cos(2 * np.pi * hertz * times)], axis=1)
        found = np.linalg.lstsq(basis, tone.astype(np.float64), rcond=None)[0]
        errors.append((float(np.linalg.norm(tone - basis @ found) / np.linalg.norm(tone)), hertz))
    error, hertz = min(errors)
    assert 20 * np.log10(error) < -60
    assert abs(hertz / 1000 - 1) < 3e-4


@pytest.mark.parametrize("in_block", [64, 256, 4096])
def test_an_output_that_begins_late_or_stalls_is_no_later_for_it(in_block: int) -> None:
    """Half a second comes in before the first read, and again before a later one; then a click does."""
    bridge = DriftBridge(1, RATE, RATE, in_block, 256)
    taken = 0
    for begin in (RATE // 2, 3 * RATE // 2):
        heard = []
        for now in range(begin, begin + RATE // 2, 256):
            while taken + in_block <= now:
                bridge.write((np.arange(taken, taken + in_block) == begin + 12_000)[None].astype(np.float32))
                taken += in_block
            out = np.zeros((1, 256), np.float32)
            bridge.read(out)
            heard.append(out[0])
        late = int(np.concatenate(heard).argmax()) - 12_000
        assert abs(late - bridge.latency_s * RATE) <= in_block + 256
    assert bridge.slips == 1, "the second time it was heard"


def test_devices_of_two_clocks_play_through_the_bridge(
    portaudio: Rig, monkeypatch: pytest.MonkeyPatch, plugin_file: Any
) -> None:
    """Two PortAudio streams, as for two cards; here their clocks agree."""
    monkeypatch.setattr("latentfx.realtime.session.share_a_clock", lambda source, target: False)
    stream = latentfx.live(plugin_file("delay"), input="horn", output="room", block=128, place="callback")
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE))[None].astype(np.float32)
    with stream as host:
        heard = portaudio.play(tone)[0]
        total = host.stats().latency.total
    level = np.sqrt(2 * np.mean(heard[RATE // 2 : 2 * RATE] ** 2))
    assert level == pytest.approx(0.3, abs=0.003)
    onset = 1000 * np.flatnonzero(np.abs(heard) > 0.02)[0] / RATE
    assert abs(total - onset) < 1000 * 3 * 128 / RATE


@pytest.mark.usefixtures("rig")
def test_the_verb_lists_what_portaudio_sees() -> None:
    """In a process of its own: MIDI's library holds the interpreter while JACK waits for the rig's."""

    def ask(*options: str) -> str:
        words = [sys.executable, "-W", "error", "-c", "from latentfx.cli import main; main()", "devices"]
        environment = os.environ | {"COLUMNS": "160"}
        return subprocess.run(
            [*words, *options], env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    shown = ask()
    assert re.search(r"horn +JACK Audio Connection Kit +1 +48000 Hz +48 kHz ", shown)
    assert "MIDI inputs:" in shown
    listed = json.loads(ask("--json"))
    horn = next(entry for entry in listed["devices"] if entry["name"] == "horn")
    assert (horn["inputs"], horn["outputs"], horn["sample_rate"]) == (1, 0, 48_000)
    assert horn["rates"] == [48_000]
    assert any("horn" in name for name in listed["midi"])


def test_a_thread_goes_first_where_the_system_lets_it() -> None:
    found: list[tuple[bool, bool]] = []

    def work() -> None:
        before = os.sched_getscheduler(0)
        hurried = steady.hurry(steady.WORKER)
        found.append((before == os.SCHED_OTHER, hurried == (os.sched_getscheduler(0) == os.SCHED_RR)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(True, True)]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER, "the other threads stay as they were"


def test_denormal_numbers_are_nothing_in_a_thread_that_asks_for_it() -> None:
    smallest = np.full(64, np.finfo(np.float32).tiny, np.float32)
    halves: dict[bool, float] = {}

    def work() -> None:
        halves[False] = float((smallest * np.float32(0.5)).max())
        told = steady.flush_denormals()
        halves[True] = float((smallest * np.float32(0.5)).max())
        assert told == (halves[True] == 0.0)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert halves[False] > 0.0
    if platform.machine().lower() in ("x86_64", "amd64", "arm64", "aarch64"):
        assert halves[True] == 0.0
    assert float((smallest * np.float32(0.5)).max()) > 0.0, "the other threads stay as they were"


@pytest.mark.parametrize("place", ["callback", "worker"])
def test_the_thread_that_plays_a_plugin_takes_denormal_numbers_for_nothing(
    portaudio: Rig, plugin_file: Any, place: Any
) -> None:
    """Otherwise the tail of an effect that falls silent costs a hundred times what its start did."""
    tiny = np.full((1, RATE // 4), 1.5 * np.finfo(np.float32).tiny, np.float32)
    with latentfx.live(plugin_file("gain"), input="horn", output="room", place=place) as host:
        host.controls["gain"] = 1.0
        assert portaudio.play(tiny).max() == tiny[0, 0]
        host.controls["gain"] = 0.5
        assert portaudio.play(tiny, tail=0)[:, RATE // 8 :].max() == 0.0


def test_python_plays_records_and_puts_everything_back(
    portaudio: Rig, plugin_file: Any, tmp_path: Path
) -> None:
    before = gc.isenabled(), sys.getswitchinterval(), gc.get_freeze_count()
    stream = latentfx.live(
        plugin_file("gain"), input="horn", output="room", record=tmp_path / "take.wav", gain=0.5
    )
    with stream as host:
        assert (gc.isenabled(), sys.getswitchinterval()) == (False, pytest.approx(0.0005))
        heard = portaudio.play(np.full((1, RATE // 2), 0.5, np.float32), tail=0)
        assert heard[0, RATE // 4] == 0.25
        host.controls["gain"] = 1.0
        assert portaudio.play(np.full((1, RATE // 2), 0.5, np.float32), tail=0)[0, RATE // 4] == 0.5
    assert (gc.isenabled(), sys.getswitchinterval(), gc.get_freeze_count()) == before
    assert soundfile.read(tmp_path / "take.wav")[0].max() == 0.5
