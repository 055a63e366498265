"""What MIDI turns while presets change: a preset's map, what the player bound, what was learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mido import Message
from test_midi import HOP, ONES, cc, hear

import latentfx
from latentfx.binding import Binding
from latentfx.preset import Preset
from latentfx.realtime.host import LiveHost

Write = Callable[..., Path]


def test_a_program_change_calls_a_preset(plugin_file: Write) -> None:
    presets = [
        Preset("first", "gain", {"gain": 2.0}, bindings=(Binding.parse("cc:9=gain"),)),
        Preset("asked", "gain", {"gain": 3.0}, program=5),
        Preset("second", "gain", {"gain": 0.5}),
    ]
    gain = latentfx.load(plugin_file("gain"))
    with LiveHost(gain, block=HOP, place="callback", presets=presets) as host:
        host.output.limiter = None
        heard = []
        for number in (0, 5, 1, 99):
            host.send(Message("program_change", program=number))
            heard.append([hear(host) for _ in range(60)][-1])
        assert heard == [2.0, 3.0, 0.5, 0.5]
        host.send(Message("program_change", program=0))
        for _ in range(60):
            hear(host)
        assert hear(host, cc(9, 127)) == 4.0


def test_what_the_player_bound_and_taught_stays_through_presets(plugin_file: Write) -> None:
    other = str(plugin_file("blend"))
    preset = Preset(
        "one", "gain", {"gain": 2.0}, bindings=tuple(map(Binding.parse, ("cc:1=gain", "cc:9=gain")))
    )
    mixed = Preset("mixed", other, bindings=(Binding.parse("cc:9=tone:half..full"),))
    with LiveHost(
        latentfx.load(plugin_file("gain")),
        block=HOP,
        place="callback",
        bindings=[Binding.parse("cc:1=gain:0..1")],
    ) as host:
        host.recall(preset)
        assert [str(b) for b in host.midi.bindings] == ["cc:1=gain:0..1", "cc:9=gain"]
        host.midi.learn("gain")
        hear(host, cc(30, 10))
        host.recall(preset)
        assert [str(b) for b in host.midi.bindings] == ["cc:30@1=gain", "cc:1=gain", "cc:9=gain"]
        host.recall(mixed)  # a plugin without `gain`
        assert [str(b) for b in host.midi.bindings] == ["cc:9=tone:half..full"]


@pytest.mark.parametrize("bound", ["cc:1=tone_half", "cc14:1=tone_half", "cc:1@3=tone_half"])
def test_a_knob_that_is_learnt_turns_what_it_was_learnt_for_alone(plugin_file: Write, bound: str) -> None:
    preset = Preset("one", "blend", bindings=(Binding.parse(bound),))
    with LiveHost(latentfx.load(plugin_file("blend")), block=HOP, place="callback") as host:
        host.recall(preset)
        host.midi.learn("tone_full")
        for value in (127, 0):
            host.send(cc(1, value, channel=2))
            host.process(ONES)
            assert [host.controls[name] for name in ("tone_half", "tone_full")] == [1.0, value / 127]
        host.recall(preset)
        assert [str(b) for b in host.midi.bindings] == ["cc:1@3=tone_full"]
