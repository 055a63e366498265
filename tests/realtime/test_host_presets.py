"""A live host given a preset: what glides, what fades, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playing import Audio, in_callback

import latentfx
from latentfx.errors import PresetError
from latentfx.preset import Preset

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


def test_a_preset_that_does_not_fit_changes_nothing(delay: latentfx.LatentPlugin) -> None:
    with in_callback(delay) as host:
        with pytest.raises(PresetError, match=r"'odd' does not fit plugin 'delay'.*'drive' is unknown.*gain"):
            host.recall(Preset("odd", "delay", {"gain": 2.0, "drive": 1.0}))
        assert dict(host.controls) == {"gain": 1.0}
