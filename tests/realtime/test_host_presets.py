"""A live host given a preset: what glides, what fades, what is refused."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jack_rig import RATE, Rig
from live_command import wait_for_text
from mido import Message
from playing import Audio, in_callback
from test_screen import Terminal, level

import latentfx
from latentfx.errors import PresetError
from latentfx.host.blocks import BlockStream
from latentfx.preset import Preset, save_preset

Write = Callable[[str], Path]


def test_presets_glide_and_those_of_another_plugin_fade_in(plugin_file: Write) -> None:
    source = str(plugin_file("delay"))
    delay = latentfx.load(source)
    presets = [
        Preset("soft", source, {"gain": 0.5}),
        Preset("loud", source, {"gain": 2.0}),
        Preset("plain", str(plugin_file("gain")), {"gain": 3.0}),
    ]
    block = np.full((1, 64), 0.25, np.float32)
    with in_callback(delay, block=64, presets=presets, source=source) as host:

        def settle() -> Audio:
            return np.concatenate([host.process(block) for _ in range(200)], axis=1)[0]

        parts = [settle()]
        levels = []
        for _ in range(4):
            host.next_preset()
            parts.append(settle())
            levels.append((host.stats().preset, float(parts[-1][-1])))
    assert levels == [("soft", 0.125), ("loud", 0.5), ("plain", 0.75), ("soft", 0.125)]
    # Two hops at 50 ms: no step is larger than a hop's part of the glide.
    steps = np.abs(np.diff(np.concatenate(parts)[200:]))
    assert steps.max() < 0.04
    with in_callback(delay) as host, pytest.raises(PresetError, match="no presets to choose from"):
        host.next_preset()


def test_panic_while_plugins_change_lets_both_begin_anew(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = np.full((1, 64), 0.25, np.float32)
    with in_callback(latentfx.load(plugin_file("gain")), block=64) as host:
        host.process(block)
        host.recall(Preset("later", str(plugin_file("delay"))))
        host.process(block)
        begun: set[str] = set()
        reset = BlockStream.reset

        def watched(stream: BlockStream) -> None:
            begun.add(stream._spec.name)
            reset(stream)

        monkeypatch.setattr(BlockStream, "reset", watched)
        host.panic()
        heard = np.concatenate([host.process(block)[0] for _ in range(100)])
        assert begun == {"gain", "delay"}
    assert len(np.flatnonzero(heard == 0)) > 100 + 2 * 64
    assert heard[-1] == 0.25


def test_a_preset_that_does_not_fit_changes_nothing(delay: latentfx.LatentPlugin) -> None:
    with in_callback(delay) as host:
        with pytest.raises(PresetError, match=r"'odd' does not fit plugin 'delay'.*'drive' is unknown.*gain"):
            host.recall(Preset("odd", "delay", {"gain": 2.0, "drive": 1.0}))
        assert dict(host.controls) == {"gain": 1.0}


def test_a_program_change_to_a_preset_that_cannot_be_recalled_plays_on(plugin_file: Write) -> None:
    source = str(plugin_file("delay"))
    gone = str(plugin_file("gain").with_name("gone.onnx"))
    damaged = plugin_file("gain").with_name("damaged.onnx")
    damaged.write_bytes(b"no model")
    presets = [
        Preset("loud", source, {"gain": 2.0}),
        Preset("odd", source, {"gain": 3.0, "drive": 1.0}),
        Preset("gone", gone, {"gain": 3.0}),
        Preset("damaged", str(damaged)),
    ]
    block = np.full((1, 4096), 0.25, np.float32)
    with in_callback(latentfx.load(source), presets=presets, source=source) as host:

        def call(program: int) -> tuple[float, str, str]:
            host.send(Message("program_change", program=program))
            for _ in range(3):
                out = host.process(block)
            return float(out[0, -1]), host.stats().preset, host.trouble

        assert call(0) == (0.5, "loud", "")
        for program, why in (
            (1, "'odd' is not recalled: .*'drive' is unknown"),
            (2, r"'gone' is not recalled: .*gone\.onnx"),
            (3, r"'damaged' is not recalled: .*damaged\.onnx is not an \.onnx file"),
        ):
            *heard, trouble = call(program)
            assert heard == [0.5, "loud"]
            assert re.search(why, trouble)
        assert call(99) == (0.5, "loud", trouble)  # no preset has this program
        assert call(0) == (0.5, "loud", "")
        assert [text.split("'")[1] for text in host.troubles] == ["odd", "gone", "damaged"]


def test_of_plugins_that_were_called_at_once_the_last_one_is_loaded(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    gain = str(plugin_file("gain"))
    presets = [Preset(f"gain {n}", gain, {"gain": float(n)}) for n in range(3)]
    loaded = []
    load = Preset.load

    def watched(preset: Preset) -> latentfx.LatentPlugin:
        loaded.append(preset.name)
        return load(preset)

    monkeypatch.setattr(Preset, "load", watched)
    block = np.full((1, 64), 0.25, np.float32)
    with in_callback(latentfx.load(plugin_file("delay")), block=64, presets=presets) as host:
        for programs in ([0, 1, 2, 99], [0, 1]):
            for program in programs:
                host.send(Message("program_change", program=program))
            for _ in range(200):
                out = host.process(block)
        assert (out[0, -1], host.stats().preset) == (0.25, "gain 1")
    assert loaded == ["gain 2"], "the second time it plays already"


def test_a_loop_leaves_the_change_of_plugins_to_a_thread_of_its_own(plugin_file: Write) -> None:
    other = Preset("plain", str(plugin_file("gain")), {"gain": 2.0})
    block = np.full((1, 64), 0.25, np.float32)
    with in_callback(latentfx.load(plugin_file("delay")), block=64, presets=[other]) as host:
        host.send(Message("program_change", program=0))
        for _ in range(200):
            assert host.process(block, attend=False)[0, -1] in (0, 0.25)
        assert host.stats().preset == ""
        thread = threading.Thread(target=host.attend)
        thread.start()
        thread.join(60)
        for _ in range(200):
            out = host.process(block, attend=False)
        assert (out[0, -1], host.stats().preset) == (0.5, "plain")


def test_while_one_thread_loads_a_plugin_the_loop_plays_on(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    load = Preset.load

    def slow(preset: Preset) -> latentfx.LatentPlugin:
        begun.set()
        assert go.wait(60)
        return load(preset)

    monkeypatch.setattr(Preset, "load", slow)
    gain = str(plugin_file("gain"))
    presets = [Preset(name, gain, {"gain": 2.0}) for name in ("one", "two")]
    block = np.full((1, 64), 0.25, np.float32)
    with in_callback(latentfx.load(plugin_file("delay")), block=64, presets=presets) as host:
        host.send(Message("program_change", program=0))
        host.process(block, attend=False)
        thread = threading.Thread(target=host.attend)
        thread.start()
        assert begun.wait(60)
        host.send(Message("program_change", program=1))
        for _ in range(100):
            assert host.process(block)[0, -1] in (0, 0.25)
        go.set()
        thread.join(60)
        for _ in range(100):
            out = host.process(block)
        assert (out[0, -1], host.stats().preset) == (0.5, "two")


def test_the_next_preset_is_beyond_one_that_does_not_fit(delay: latentfx.LatentPlugin) -> None:
    gains = {"soft": {"gain": 0.5}, "odd": {"drive": 1.0}, "loud": {"gain": 2.0}}
    with in_callback(delay, presets=[Preset(name, "delay", gains[name]) for name in gains]) as host:
        for step in (1, -1):
            host.next_preset(step)
            first = host.controls["gain"]
            with pytest.raises(PresetError, match="'odd' does not fit"):
                host.next_preset(step)
            assert host.controls["gain"] == first
            host.next_preset(step)
            assert {first, host.controls["gain"]} == {0.5, 2.0}
            host.next_preset(step)
            assert host.controls["gain"] == first


def test_a_preset_of_the_same_file_by_another_path_glides(
    plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = plugin_file("delay")
    monkeypatch.chdir(plugin.parent)
    with in_callback(latentfx.load(plugin), source=plugin.name) as host:
        panel = host.plugin
        host.recall(Preset("loud", str(plugin), {"gain": 2.0}))
        assert host.plugin is panel  # no second plugin that fades in
        assert host.controls["gain"] == 2


def test_on_stage_it_plays_on_and_the_screen_says_why(
    rig: Rig, plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    plugin = plugin_file("gain")
    monkeypatch.chdir(plugin.parent)  # as by hand: -p gain.onnx
    save_preset(Preset("odd", plugin.name, {"drive": 1.0}, program=1))
    options = ["--input", "horn", "--output", "room", "--set", "gain=0.5", "--midi", "virtual"]
    with closing(Terminal(*options, "-p", plugin.name)) as screen:
        screen.press("", "arrows control")
        rig.connect_midi("latentfx")
        rig.play(np.zeros((1, RATE // 8)), [(0, bytes([0xC0, 1]))], whole=False)
        screen.press("", "preset 'odd' is not recalled: .* control 'drive' is unknown")
        assert level(rig) == 0.25
        screen.press("p", "silenced")  # a key's note takes its place
        os.write(screen._master, b"q")
        assert screen.process.wait(30) == 0


def test_without_a_terminal_each_trouble_is_a_line(
    rig: Rig,
    player: Callable[..., Any],
    plugin_file: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    plugin = plugin_file("gain")
    for program, control in enumerate(["drive", "tone", "gain"]):
        save_preset(Preset(control, str(plugin), {control: 1.0}, program=program))
    running = player("-p", plugin, "--midi", "virtual")
    rig.connect_midi("latentfx")
    for program, name in [(0, "drive"), (0, "drive"), (1, "tone")]:
        rig.play(np.zeros((1, RATE // 8)), [(0, bytes([0xC0, program]))], whole=False)
        wait_for_text(running.errors, f"note: preset '{name}' is not recalled: ")
    at_once = [(0, bytes([0xC0, program])) for program in (0, 2)]  # the second one ends the trouble
    rig.play(np.zeros((1, RATE // 8)), at_once, whole=False)
    note = "note: preset '{0}' is not recalled: .*'{0}' is unknown"
    wait_for_text(running.errors, "(?s)" + ".*".join(map(note.format, ["drive", "tone", "drive"])))
    running.finish()
    assert running.errors.read_text().count("note: ") == 3
