"""MIDI turns controls: every kind of message, in order, from the next hop on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from mido import Message
from typer.testing import CliRunner

import latentfx
from latentfx.binding import Binding
from latentfx.cli import app
from latentfx.errors import ControlError, MidiError
from latentfx.preset import Preset
from latentfx.realtime.host import LiveHost
from latentfx.realtime.midi_socket import ByteParser
from latentfx.realtime.ports import open_midi

Write = Callable[..., Path]
HOP = 64
ONES = np.full((1, HOP), 1.0, np.float32)


@pytest.fixture
def host(plugin_file: Write) -> Iterator[LiveHost]:
    """A host whose output is the value of its control `gain`, 0 to 4."""
    with LiveHost(latentfx.load(plugin_file("gain")), block=HOP, place="callback") as host:
        host.output.limiter = None
        yield host


@pytest.fixture(params=["integer", "linear"])
def ring(plugin_file: Write, request: pytest.FixtureRequest) -> Iterator[LiveHost]:
    """The same with a control of steps, -12 to 12."""

    def whole(model: onnx.ModelProto) -> None:
        for entry in model.metadata_props:
            content = json.loads(entry.value)
            content["spec"]["controls"][0] |= {
                "minimum": -12.0, "maximum": 12.0, "default": 0.0, "curve": request.param
            }  # fmt: skip
            entry.value = json.dumps(content)

    with LiveHost(latentfx.load(plugin_file("gain", whole)), block=HOP, place="callback") as host:
        host.output.limiter = None
        yield host


def hear(host: LiveHost, *messages: Message) -> float:
    """The control's value in the very next hop."""
    for message in messages:
        host.send(message)
    out = host.process(ONES)
    assert len(np.unique(out)) == 1
    return float(out[0, 0])


def hear_in_the_end(host: LiveHost, *messages: Message) -> float:
    """The same when it has glided there."""
    return [hear(host, *messages), *(hear(host) for _ in range(60))][-1]


def cc(control: int, value: int, channel: int = 0) -> Message:
    return Message("control_change", control=control, value=value, channel=channel)


def on(note: int, velocity: int = 100, channel: int = 0) -> Message:
    return Message("note_on", note=note, velocity=velocity, channel=channel)


def off(note: int, channel: int = 0) -> Message:
    return Message("note_off", note=note, channel=channel)


@pytest.mark.parametrize(
    ("binding", "messages", "value"),
    [
        ("cc:21=gain", [cc(21, 127)], 4.0),
        ("cc:21=gain", [cc(21, 0)], 0.0),
        ("cc:21=gain:1..2", [cc(21, 127)], 2.0),
        ("cc:21=gain:2..1", [cc(21, 127)], 1.0),
        ("cc:21=gain", [cc(22, 127)], 1.0),
        ("cc:21@3=gain", [cc(21, 127, channel=1)], 1.0),
        ("cc:21@3=gain", [cc(21, 127, channel=2)], 4.0),
        ("cc:21=gain", [cc(21, 127), cc(21, 0), cc(21, 127)], 4.0),
        ("cc14:1=gain", [cc(1, 127), cc(33, 127)], 4.0),
        ("cc14:1=gain", [cc(1, 127)], 4.0),
        ("cc14:1=gain", [cc(1, 64), cc(33, 1)], 4.0 * (64 * 128 + 1) / 16383),
        ("nrpn:300=gain", [cc(99, 2), cc(98, 44), cc(6, 127), cc(38, 127)], 4.0),
        ("nrpn:300=gain", [cc(99, 2), cc(98, 45), cc(6, 127)], 1.0),
        ("nrpn:300=gain", [cc(99, 2), cc(98, 44), cc(101, 0), cc(100, 0), cc(6, 127)], 1.0),
        ("nrpn:300=gain", [cc(98, 44), cc(99, 2), cc(6, 127)], 4.0),
        ("nrpn:300=gain", [cc(99, 2), cc(98, 44), cc(99, 127), cc(98, 127), cc(6, 127)], 1.0),
        ("cc:6=gain", [cc(6, 127)], 4.0),
        ("cc:6=gain", [cc(101, 0), cc(100, 0), cc(6, 2)], 1.0),
        ("cc:6=gain", [cc(101, 0), cc(100, 0), cc(101, 127), cc(100, 127), cc(6, 127)], 4.0),
        ("cc:6=gain", [cc(99, 2), cc(98, 44), cc(121, 0), cc(6, 127)], 4.0),
        ("bend=gain:-0..4", [Message("pitchwheel", pitch=8191)], 4.0),
        ("bend=gain", [Message("pitchwheel", pitch=-8192)], 0.0),
        ("bend=gain", [Message("pitchwheel", pitch=8191), Message("pitchwheel", pitch=0)], 2.0),
        ("bend=gain", [Message("pitchwheel", pitch=8191), cc(121, 0)], 2.0),
        ("pressure=gain", [Message("aftertouch", value=127)], 4.0),
        ("note=gain", [on(127)], 4.0),
        ("velocity=gain", [on(60, 127)], 4.0),
        ("note=gain:0..2", [on(127), on(0), off(0)], 2.0),
    ],
)
def test_a_message_turns_its_control_at_the_next_hop(
    host: LiveHost, binding: str, messages: list[Message], value: float
) -> None:
    host.midi.bind(Binding.parse(binding))
    assert hear(host) == 1.0
    assert hear(host, *messages) == pytest.approx(value, abs=1e-6)


def test_every_controller_that_can_be_bound_turns(host: LiveHost) -> None:
    for number in set(range(120)) - {98, 99, 100, 101}:
        host.midi.replace([Binding.parse(f"cc:{number}=gain")])
        assert [hear(host, cc(number, value)) for value in (127, 0)] == [4.0, 0.0]


def test_a_curve_bends_the_way(host: LiveHost) -> None:
    binding = Binding.parse("cc:1=gain")
    host.midi.bind(Binding(binding.source, "gain", curve="square"))
    assert hear(host, cc(1, 64)) == pytest.approx(4 * (64 / 127) ** 2)


def test_smoothing_goes_two_thirds_of_the_way_in_its_time(host: LiveHost) -> None:
    host.midi.bind(Binding(Binding.parse("cc:1=gain").source, "gain", smoothing_ms=20))
    host.send(cc(1, 127))
    values = [hear(host) for _ in range(150)]
    at = round(0.020 * 48_000 / HOP) - 1
    assert values[at] == pytest.approx(1 + 3 * (1 - np.exp(-1)), abs=0.05)
    assert np.all(np.diff(values) >= 0)
    assert values[-1] == 4.0
    host.midi.choose([Binding.parse("cc:2=gain")])
    assert hear(host, cc(2, 0)) == 0.0, "the smoothing goes with its binding"


def test_a_knob_morphs_between_two_mixtures(plugin_file: Write) -> None:
    with LiveHost(latentfx.load(plugin_file("blend")), place="callback") as host:
        host.midi.bind(Binding.parse("cc:1=tone:half..full"))
        host.send(cc(1, 0))
        host.process(ONES)
        assert host.plugin.tone == {"half": 1.0}
        host.send(cc(1, 127))
        host.process(ONES)
        assert host.plugin.tone == {"full": 1.0}


def test_c_then_g_turns_the_ring_a_fifth_within_a_hop(ring: LiveHost) -> None:
    ring.midi.bind(Binding.parse("steps:C4=gain"))
    assert hear(ring, on(60)) == 0
    assert hear(ring, on(67)) == 7


def test_the_last_key_wins_and_the_release_returns(ring: LiveHost) -> None:
    ring.controls["gain"] = 3
    ring.midi.bind(Binding.parse("steps:C4=gain"))
    assert hear(ring, on(62)) == 2
    assert hear(ring, on(64)) == 4
    assert hear(ring, off(64)) == 2
    assert hear(ring, on(65), off(62)) == 5
    assert hear(ring, on(65, velocity=0)) == 3
    assert hear(ring, on(76)) == 4, "an octave above the range is the same place of the ring"
    assert hear(ring, cc(123, 0)) == 3


def test_what_else_moved_the_control_under_a_held_key_stays(ring: LiveHost) -> None:
    keys = Binding.parse("steps:C4=gain")
    ring.midi.bind(keys)
    assert hear(ring, on(67)) == 7
    ring.controls["gain"] = 2  # by hand
    assert hear(ring, off(67)) == 2
    assert hear(ring, on(67)) == 7
    ring.recall(Preset("high", "gain", {"gain": 5.0}, bindings=(keys,)))
    assert hear_in_the_end(ring) == 5
    assert hear_in_the_end(ring, on(69)) == 9
    assert hear_in_the_end(ring, off(69), off(67)) == 5
    assert hear_in_the_end(ring, on(67)) == 7
    ring.recall(Preset("keyless", "gain", {"gain": 1.0}))
    assert hear_in_the_end(ring, off(67)) == 1
    ring.recall(Preset("low", "gain", {"gain": -5.0}, bindings=(keys,)))
    assert hear_in_the_end(ring, on(62)) == 2
    assert hear_in_the_end(ring, off(62)) == -5


def test_all_notes_off_is_for_its_channel(ring: LiveHost) -> None:
    ring.midi.bind(Binding.parse("steps:C4=gain"))
    assert hear(ring, on(62, channel=1), on(67)) == 7
    assert hear(ring, cc(123, 0, channel=5)) == 7
    assert hear(ring, cc(123, 0)) == 2
    assert hear(ring, cc(120, 0, channel=1)) == 0


def test_latched_steps_stay(ring: LiveHost) -> None:
    source = Binding.parse("steps:C4@2=gain").source
    ring.midi.bind(Binding(source, "gain", release="latch"))
    assert hear(ring, on(67, channel=1), off(67, channel=1)) == 7
    assert hear(ring, on(62, channel=0)) == 7


@pytest.mark.parametrize("channel", [0, 15])
def test_panic_lets_stuck_keys_go(ring: LiveHost, channel: int) -> None:
    ring.midi.bind(Binding.parse("steps:C4=gain"))
    assert hear(ring, on(67, channel=channel)) == 7
    ring.panic()
    for _ in range(10):
        ring.process(ONES)
    assert ring.controls["gain"] == 0


def test_a_device_that_comes_back_finds_the_keys_let_go_and_hears_what_waited(ring: LiveHost) -> None:
    ring.midi.bind(Binding.parse("steps:C4=gain"))
    ring.controls["gain"] = 3
    assert hear(ring, on(67)) == 7
    ring.midi.learn("gain")
    ring.prepare(HOP)
    assert hear(ring) == 3
    assert hear(ring, off(67)) == 3
    ring.send(cc(9, 0))
    ring.prepare(HOP)
    assert hear(ring) == -12, "a controller that moved while there was no device, and what was to be learnt"


def test_learning_takes_the_next_controller_that_moves(host: LiveHost, ring: LiveHost) -> None:
    host.midi.learn("gain")
    hear(host, Message("clock"), Message("note_on", note=60))
    assert host.midi.learning == "gain"
    assert hear(host, cc(17, 127, channel=4)) == 4.0
    assert [str(b) for b in host.midi.bindings] == ["cc:17@5=gain"]
    host.midi.learn("gain")
    hear(host, Message("pitchwheel", pitch=0))
    assert [str(b) for b in host.midi.bindings] == ["bend@1=gain"]
    host.midi.learn("gain")
    hear(host, cc(101, 0), cc(100, 0), cc(6, 2), *(cc(command, 0) for command in range(120, 128)))
    assert host.midi.learning == "gain", "the range of bends and commands are no controllers"
    ring.midi.learn("gain")
    assert hear(ring, on(62)) == 0
    assert hear(ring, on(65)) == 3
    with pytest.raises(ControlError, match="'wah' is unknown"):
        host.midi.learn("wah")


def test_bytes_with_running_status_are_understood() -> None:
    data = [0x90, 60, 100, 0xF8, 62, 100, 0xFE, 60, 0, 0xC0, 5, 7, 0xF0, 1, 2, 0xF7, 3, 0xE1, 0, 64, 9]
    parser = ByteParser()
    found = [message for byte in data for message in parser.feed(bytes([byte]))]
    assert [message.type for message in found] == [
        *["note_on"] * 3, *["program_change"] * 2, "pitchwheel"
    ]  # fmt: skip
    assert [message.note for message in found[:3]] == [60, 62, 60]
    assert found[-1].channel == 1


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(MidiError, match="cannot listen at 'nonsense'"):
        open_midi("socket:nonsense", lambda message: None)
    with pytest.raises(MidiError, match=r"no MIDI input fits 'Launch Control'; there are"):
        open_midi("Launch Control", lambda message: None)


@pytest.mark.parametrize("name", ["n" * 65, "Schlüssel", "a\nb"])
def test_a_virtual_port_with_a_name_that_midi_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(MidiError, match=r"up to 64 letters without accents.* Write one like virtual:knobs"):
        open_midi(f"virtual:{name}", lambda message: None)


@pytest.mark.parametrize("text", ["", " "])
def test_a_port_without_a_name_is_not_the_only_one_there_is(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latentfx.realtime.ports._names", lambda api: ["Piano keys"])
    message = f"no MIDI input fits '{text}'; there are 'Piano keys'. Give a name or a part of it"
    with pytest.raises(MidiError, match=message):
        open_midi(text, lambda message: None)


def test_the_help_names_every_way_to_a_port() -> None:
    helped = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["live", "--help"]).stdout
    said = " ".join(helped.replace("│", " ").split())
    assert "virtual or virtual:NAME" in said
    assert "socket:PORT or socket:HOST:PORT" in said
