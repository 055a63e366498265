"""Presets between two others, and what was never learnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import latentfx
from latentfx.errors import PresetError
from latentfx.preset import Preset, morph


@pytest.fixture
def blend(plugin_file: Callable[[str], Path]) -> str:
    """A plugin with the blend `tone`."""
    return str(plugin_file("blend"))


def test_morph_weighs_blends_as_they_are_played(blend: str) -> None:
    """0.7 and 0.7 are played as halves: half-way to the other preset, each has a quarter."""
    a = Preset("a", blend, {"tone": "half:0.7+full:0.7"})
    b = Preset("b", blend, {"tone": "full"})
    with pytest.warns(latentfx.ControlWarning, match=r"adds up to 1\.4"):
        between = morph(a, b, 0.5)
    assert between.settings["tone"] == pytest.approx({"half": 0.25, "full": 0.75})


@pytest.mark.parametrize("setting", [{"tone": "reference"}, {"tone_reference": 1.0}])
def test_a_preset_of_what_was_never_learnt_is_refused(blend: str, setting: dict[str, object]) -> None:
    with pytest.raises(PresetError, match="nothing was learnt from a recording yet"):
        Preset("mine", blend, setting).load()


def test_morph_moves_a_blend_from_one_preset_to_the_other(blend: str) -> None:
    a = Preset("a", blend, {"tone": "half"}, program=3)
    b = Preset("b", blend, {"tone": "full"})
    assert morph(a, b, 0.0).load().tone == {"half": 1.0}
    assert morph(a, b, 0.25).load().tone == {"half": 0.75, "full": 0.25}
    assert morph(a, b, 1.0).load().tone == {"full": 1.0}
    assert morph(a, b, 0.5).program == 3
    with pytest.raises(PresetError, match="morph two of one plugin"):
        morph(a, Preset("c", "timbre-swap"), 0.5)
    with pytest.raises(PresetError, match="allowed 0 to 1"):
        morph(a, b, 1.5)
