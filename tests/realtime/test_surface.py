"""What a player sees of a stream, and what every action does to the sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jack_rig import RATE, Rig
from mido import Message

import latentfx
from latentfx.errors import AudioFileError, ControlError, LiveError, PresetError
from latentfx.preset import Preset
from latentfx.realtime import LiveStream
from latentfx.realtime.surface import Surface

Write = Callable[..., Path]
PRESETS = [Preset("loud", "gain", {"gain": 3.0}), Preset("soft", "gain", {"gain": 1.0})]


@pytest.fixture
def stream(portaudio: Rig, plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveStream:
    """A plugin whose output is its input times `gain`, 0 to 4, on the rig's devices."""
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    plugin = latentfx.load(plugin_file("gain"))
    return latentfx.live(
        plugin, input="horn", output="room", presets=PRESETS, bindings=["cc:7=gain"], gain=0.5
    )


def level(rig: Rig) -> float:
    """What a steady 0.2 becomes now, in the end."""
    heard = rig.play(np.full((1, RATE // 4), 0.2, np.float32), tail=0, whole=False)[0, : RATE // 4]
    return round(float(heard[~np.isnan(heard)][-1]) / 0.2, 3)


def test_a_view_shows_controls_with_their_ranges_and_can_be_written_as_json(
    stream: LiveStream, portaudio: Rig
) -> None:
    with stream:
        surface = Surface(stream)
        level(portaudio)
        shown = json.loads(json.dumps(asdict(surface.view())))
    (gain,) = shown["controls"]
    assert gain["control"] | {"description": ""} == {
        "name": "gain", "minimum": 0.0, "maximum": 4.0, "default": 1.0,
        "unit": "", "curve": "linear", "description": "",
    }  # fmt: skip
    assert (gain["value"], gain["position"], gain["sources"]) == (0.5, 0.125, ["cc:7"])
    assert (shown["state"], shown["presets"], shown["take"]) == ("on", ["loud", "soft"], None)
    assert shown["devices"] == "horn to room"
    assert shown["stats"]["input_db"] == pytest.approx(-13.98, abs=0.5)


def test_every_action_is_heard(stream: LiveStream, portaudio: Rig) -> None:
    with stream as host:
        surface = Surface(stream)
        surface.set(gain=2.0)
        assert level(portaudio) == 2.0
        surface.turn("gain", -2)
        assert level(portaudio) == 1.6
        surface.put_back("gain")
        assert level(portaudio) == 1.0
        surface.recall("loud")
        assert level(portaudio) == 3.0
        surface.call("soft")
        assert level(portaudio) == 1.0
        surface.next_preset(-1)
        assert level(portaudio) == 3.0
        surface.morph("loud", "soft", 0.25)
        assert level(portaudio) == 2.5
        surface.bypass()
        assert (surface.view().state, level(portaudio)) == ("bypass", 1.0)
        surface.bypass(False)
        surface.learn("gain")
        assert surface.control("gain").learning
        host.send(Message("control_change", control=20, value=127))
        assert level(portaudio) == 4.0
        assert surface.control("gain").sources == ("cc:20@1",)
        surface.unbind("gain")
        assert surface.control("gain").sources == ()


def test_wrong_actions_raise_and_change_nothing(stream: LiveStream) -> None:
    with stream:
        surface = Surface(stream)
        with pytest.raises(ControlError, match="allowed 0 to 4"):
            surface.set(gain=5.0)
        with pytest.raises(ControlError):
            surface.turn("gian", 1)
        with pytest.raises(PresetError, match="no preset 'lod'"):
            surface.call("lod")
        with pytest.raises(PresetError, match="allowed 0 to 1"):
            surface.morph("loud", "soft", 1.5)
        with pytest.raises(PresetError, match="plugin that plays"):
            surface.morph("bowed-double", "soft", 0.5)
        assert surface.control("gain").value == 0.5


def test_recording_begins_and_ends_while_it_plays(stream: LiveStream, portaudio: Rig, tmp_path: Path) -> None:
    first, second = tmp_path / "first.wav", tmp_path / "second.wav"
    with stream:
        surface = Surface(stream)
        level(portaudio)
        surface.record(first)
        with pytest.raises(LiveError, match="is being recorded"):
            surface.record(second)
        level(portaudio)
        surface.stop_recording()
        take = surface.view().take
        assert take is not None
        assert (take.file, take.on) == (str(first), False)
        assert take.seconds >= 0.25
        with pytest.raises(AudioFileError, match="recorded over"):
            surface.record(first)
        surface.record(second)
        level(portaudio)
    for path in (first, second):
        wet, _ = soundfile.read(path)
        dry, _ = soundfile.read(path.with_stem(f"{path.stem}-dry"))
        assert np.any(dry)
        np.testing.assert_array_equal(wet, 0.5 * dry[: len(wet)])
