"""Odd wishes: a clear error before a device is touched, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playing import in_callback
from test_devices import device

import latentfx
from latentfx.errors import AudioFileError, LatentFXError, LiveError, MidiError, PresetError, ShapeError
from latentfx.preset import Preset
from latentfx.realtime import LiveHost

Write = Callable[[str], Path]

BOTH: list[tuple[dict[str, Any], type[LatentFXError], str]] = [
    ({"block": 10**6}, ShapeError, "block is 1000000; allowed 16 to 4096 samples, or"),
    ({"block": -5}, ShapeError, "block is -5; allowed 16 to 4096"),
    ({"block": 15}, ShapeError, "block is 15; allowed 16 to 4096"),
    ({"block": 128.5}, ShapeError, "block is 128.5; allowed"),
    ({"place": "gpu"}, LiveError, "place is 'gpu'; allowed 'callback' or 'worker', or None to choose"),
    ({"sample_rate": "x"}, ShapeError, "sample_rate is 'x'; allowed 1000 to 768000 Hz"),
    ({"sample_rate": float("nan")}, ShapeError, "sample_rate is nan; allowed"),
    ({"sample_rate": 0}, ShapeError, "sample_rate is 0; allowed"),
    ({"reserve_s": "x"}, LiveError, "reserve_s is 'x'; allowed are seconds, 0.001 to 0.5"),
    ({"reserve_s": float("nan")}, LiveError, "reserve is nan ms; allowed 1 to 500 ms"),
    ({"reserve_s": 0.01, "place": "callback"}, LiveError, "keeps none in reserve"),
    ({"bindings": ["mix"]}, MidiError, "binding 'mix' cannot be read; write SOURCE=CONTROL"),
    ({"bindings": [5]}, MidiError, "binding 5; give a Binding, or a text such as 'cc:21=mix'"),
]
OF_LIVE: list[tuple[dict[str, Any], type[LatentFXError], str]] = [
    ({"input_channels": [0]}, ShapeError, r"input_channels is \[0\]; give a list of whole numbers from 1"),
    ({"input_channels": []}, ShapeError, r"input_channels is \[\]; give"),
    (
        {"output_channels": [1, 2, 1]},
        ShapeError,
        r"output_channels is \[1, 2, 1\]; .*: give each number once",
    ),
    ({"output_channels": 2}, ShapeError, "output_channels is 2; give a list"),
    ({"output_channels": ["left"]}, ShapeError, r"output_channels is \['left'\]; give"),
]
OF_THE_HOST: list[tuple[dict[str, Any], type[LatentFXError], str]] = [
    ({"block": 0}, ShapeError, "block is 0; allowed 16 to 4096"),
    ({"outputs": 0}, ShapeError, "outputs is 0; allowed are whole numbers from 1"),
    ({"outputs": -2}, ShapeError, "outputs is -2; allowed"),
    ({"channels": "two"}, ShapeError, "channels is 'two'; allowed"),
    ({"presets": ["no such"]}, PresetError, "no preset 'no such'"),
    ({"presets": [5]}, PresetError, "preset 5; give a Preset, or a name"),
]


def workers() -> list[str]:
    """The threads that play plugins."""
    return [thread.name for thread in threading.enumerate() if thread.name == "latentfx-worker"]


@pytest.mark.parametrize(("wish", "kind", "message"), BOTH + OF_LIVE)
def test_live_refuses_what_cannot_be_before_it_looks_for_devices(
    plugin_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    wish: dict[str, Any],
    kind: type[LatentFXError],
    message: str,
) -> None:
    monkeypatch.setattr("latentfx.realtime.session.find_device", pytest.fail)
    with pytest.raises(kind, match=message):
        latentfx.live(plugin_file("gain"), **wish)


def test_a_host_that_plays_refuses_what_is_no_message_and_no_preset(delay: latentfx.LatentPlugin) -> None:
    with in_callback(delay) as host:
        for nothing in (None, "note_on", [144, 60, 100]):
            with pytest.raises(MidiError, match=r"give a mido\.Message, such as"):
                host.send(nothing)
        with pytest.raises(PresetError, match=r"no preset 'bowed-doubel'\. Did you mean 'bowed-double'\?"):
            host.recall("bowed-doubel")
        with pytest.raises(PresetError, match="preset 5; give a Preset, or a name"):
            host.recall(5)


@pytest.mark.parametrize(("wish", "kind", "message"), BOTH + OF_THE_HOST)
def test_the_host_refuses_what_cannot_be(
    delay: latentfx.LatentPlugin, wish: dict[str, Any], kind: type[LatentFXError], message: str
) -> None:
    before = workers()
    with pytest.raises(kind, match=message):
        LiveHost(delay, **{"place": "worker", **wish})
    assert workers() == before


def test_the_host_takes_texts_for_bindings_and_names_for_presets(delay: latentfx.LatentPlugin) -> None:
    with in_callback(delay, bindings=["cc:1=gain:0..2"], presets=["bowed-double"]) as host:
        assert [str(binding) for binding in host.midi.bindings] == ["cc:1=gain:0..2"]
        assert [preset.name for preset in host.bank.presets] == ["bowed-double"]
    with in_callback(delay, bindings="cc:1=gain", presets=Preset("loud", "delay", {"gain": 2.0})) as host:
        assert [str(binding) for binding in host.midi.bindings] == ["cc:1=gain"]
        host.next_preset()
        assert host.controls["gain"] == 2.0


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        ({"record": ".."}, AudioFileError),
        ({"midi": "socket:none"}, MidiError),
        ({"bindings": ["cc:1=no_such"]}, LatentFXError),
    ],
)
def test_a_live_that_fails_leaves_no_worker_behind(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch, wish: dict[str, Any], kind: type[LatentFXError]
) -> None:
    monkeypatch.setattr("latentfx.realtime.session.find_device", lambda wanted, kind: device(0, "card"))
    before = workers()
    with pytest.raises(kind):
        latentfx.live(plugin_file("gain"), sample_rate=48_000, place="worker", **wish)
    assert workers() == before


def test_a_plugin_with_a_side_chain_says_what_works_live(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone = device(0, "USB Mic", inputs=1)
    monkeypatch.setattr("latentfx.realtime.session.find_device", lambda wanted, kind: microphone)
    with pytest.raises(ShapeError, match=r"'side' takes 2, .*take an --input that has 2 channels") as refused:
        latentfx.live(plugin_file("side"), sample_rate=48_000)
    assert "--input-channels 1,2" in str(refused.value)
    assert "--side" not in str(refused.value)
