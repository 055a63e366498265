"""What a page is told and may ask for, and what it sees of the sound."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mido import Message
from playing import RATE, in_callback

import latentfx
from latentfx.errors import ControlError
from latentfx.realtime.scope import BANDS, Scope
from latentfx.realtime.surface import Surface
from latentfx.realtime.ui import protocol
from latentfx.realtime.view import DeviceView
from latentfx.realtime.walk import Walk, between

Write = Callable[..., Path]
LOOP = {
    "do": "loop", "blend": "t", "seconds": 4, "points": [[0, 0], [1, 1]], "steps": [{"gain": 1}, {"gain": 0}]
}  # fmt: skip
DEVICES = DeviceView("horn", "room", ("horn",), ("room",))


@pytest.fixture
def surface(plugin_file: Write) -> Iterator[Surface]:
    """A plugin whose output is its input times `gain`, 0 to 4, without a device."""
    with in_callback(latentfx.load(plugin_file("gain")), block=64) as host:
        wire = SimpleNamespace(label="horn to room")
        rest = {"waiting": False, "recorder": None, "recording": False, "midi": (), "record": pytest.fail}
        stream: Any = SimpleNamespace(host=host, wire=wire, **rest)
        yield Surface(stream)


def told(surface: Surface) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(protocol.encode(protocol.state(surface.view(), DEVICES, ["gain"])))
    return whole


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "7", '"set"', '{"do": "fly"}', '{"do": "set"}', b"\xff\xfe", "[" * 5000,
        '{"do": "set", "values": {"gain": "2"}}', '{"do": "set", "values": {"gain": NaN}}',
        '{"do": "set", "values": {"gain": 1e999}}', '{"do": "set", "values": {"gain": 1}, "more": 1}',
        '{"do": "bypass", "on": 1}', '{"do": "morph", "a": "x", "b": "y", "t": 2}', '{"do": "learn"}',
        '{"do": "preset", "name": ""}', '{"do": "preset", "name": "' + 300 * "x" + '"}',
        json.dumps({"do": "set", "values": {f"c{n}": 0 for n in range(65)}}),
        json.dumps({"do": "loop", "blend": "t", "seconds": 1, "points": [[0, 0]] * 257, "steps": []}),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_schema_is_refused(text: str | bytes) -> None:
    with pytest.raises(ControlError, match="not understood"):
        protocol.read(text)


@pytest.mark.parametrize(
    "action",
    [
        {"do": "set", "values": {"self": 1.0}},
        {"do": "set", "values": {"gain": 1.0, "drive": 0.0}},
        {"do": "reset", "name": "drive"},
        {"do": "learn", "name": "drive"},
        {"do": "preset", "name": "none of that name"},
        {"do": "morph", "a": "x", "b": "y", "t": 0.5},
        {"do": "record", "file": "../take.wav"},
        {"do": "plugin", "name": "/etc/passwd"},
        {**LOOP, "steps": [{"drive": 1}, {"drive": 0}]},
        {**LOOP, "seconds": 0},
        {**LOOP, "steps": [{"gain": 1}, {}]},
        {**LOOP, "points": [], "steps": []},
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(surface: Surface, action: dict[str, Any]) -> None:
    before = told(surface)
    with pytest.raises(latentfx.errors.LatentFXError):
        protocol.read(json.dumps(action)).obey(surface)
    assert told(surface) == before


def test_values_are_moved_into_their_range(surface: Surface) -> None:
    protocol.read('{"do": "set", "values": {"gain": 77}}').obey(surface)
    assert surface.control("gain").value == 4.0


def test_news_lead_from_one_state_to_the_next_and_hold_what_changed_alone(surface: Surface) -> None:
    first = protocol.state(surface.view(), DEVICES, ["gain"])
    assert protocol.news({}, first) == {"type": "state", **first}
    assert protocol.news(first, first) == {}
    surface.set(gain=2.5)
    surface.bypass(True)
    second = protocol.state(surface.view(), DEVICES, ["gain"])
    assert protocol.news(first, second) == {"type": "state", "values": {"gain": 2.5}, "state": "bypass"}


def test_keys_that_are_held_are_seen(surface: Surface) -> None:
    host = surface._host
    for message in (Message("note_on", note=60), Message("note_on", note=67), Message("note_off", note=60)):
        host.send(message)
    host.process(np.zeros(128, np.float32))
    assert told(surface)["keys"] == [67]


def test_nobody_who_looks_costs_nothing_and_sees_nothing(surface: Surface) -> None:
    host = surface._host
    host.process(np.ones(256, np.float32))
    assert not host.meters.scope._kept.any()
    assert (surface.signal().note, surface.signal().spectrum) == (None, [])
    surface.watch(True)
    host.process(np.ones(256, np.float32))
    assert host.meters.scope._kept.any()


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("note", [43.0, 57.25, 69.0, 88.5])
def test_the_pitch_that_comes_in_is_seen_within_five_cents(rate: float, note: float) -> None:
    scope = Scope(rate)
    scope.watched = True
    times = np.arange(round(0.3 * rate)) / rate
    hz = 440 * 2 ** ((note - 69) / 12)
    tone = sum(np.sin(2 * np.pi * k * hz * times) / k for k in range(1, 6)).astype(np.float32)[None]
    for at in range(0, tone.shape[1], 300):  # a length that does not fit
        scope.hear(0.1 * tone[:, at : at + 300], np.zeros((1, 300), np.float32)[:, : tone.shape[1] - at])
    assert scope.note() == pytest.approx(note, abs=0.05)


def test_noise_and_silence_have_no_pitch() -> None:
    scope = Scope(RATE)
    assert scope.note() is None
    scope.watched = True
    noise = np.random.default_rng(0).normal(0, 0.2, (1, 8192)).astype(np.float32)
    scope.hear(noise[:, :4096], noise[:, :4096])
    assert scope.note() is None


@pytest.mark.parametrize(("hz", "amplitude"), [(100.0, 1.0), (1000.0, 0.1), (8000.0, 0.01)])
def test_a_tone_stands_in_its_band_of_the_spectrum_at_its_level(hz: float, amplitude: float) -> None:
    scope = Scope(RATE)
    scope.watched = True
    tone = (amplitude * np.sin(2 * np.pi * hz * np.arange(4096) / RATE)).astype(np.float32)[None]
    scope.hear(np.zeros_like(tone), tone)
    bands = np.array(scope.spectrum())
    assert len(bands) == BANDS
    assert abs(int(bands.argmax()) - 3 * np.log2(hz / 40)) <= 0.6
    assert bands.max() == pytest.approx(20 * np.log10(amplitude) - 3, abs=2.5)


def test_a_loop_goes_straight_from_step_to_step_and_round() -> None:
    steps = [{"x": 0.0, "y": 1.0}, {"x": 1.0, "y": 0.0}, {"x": 2.0, "y": 1.0}]
    found = [between(steps, way)["x"] for way in (0, 1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6)]
    assert found == pytest.approx([0, 0.5, 1, 1.5, 2, 1.0])


def test_a_loop_is_walked_in_time_of_the_stream_until_it_ends() -> None:
    seen: list[dict[str, float]] = []
    clock = iter(np.arange(0, 100, 0.25).tolist())
    walk = Walk(lambda values: seen.append(dict(values)), lambda: next(clock))
    steps = [{"x": 0.0}, {"x": 1.0}]
    walk.start("timbre", 1.0, ((0.0, 0.0), (1.0, 1.0)), steps)
    while len(seen) < 6:
        pass
    walk.stop()
    assert [values["x"] for values in seen[:6]] == [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
    assert walk.loop is None


def test_panic_ends_the_loop_that_is_walked(surface: Surface) -> None:
    protocol.read(json.dumps(LOOP)).obey(surface)
    assert told(surface)["loop"]["blend"] == "t"
    protocol.read('{"do": "panic"}').obey(surface)
    assert told(surface)["loop"] is None
    for walking in (one for one in threading.enumerate() if one.name == "latentfx-walk"):
        walking.join(5)
        assert not walking.is_alive()
