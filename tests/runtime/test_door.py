"""Values from outside are checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import latentfx
from latentfx.errors import ControlError, ShapeError

RATE = 48_000
Write = Callable[[str], Path]
WRONG = [None, [0.3], {0.3}, np.array([0.3]), "loud", float("nan"), float("inf"), 10**400, 4.1, object()]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_refused_set_changes_nothing(plugin_file: Write, wrong: Any) -> None:
    plugin = latentfx.load(plugin_file("gain"), gain=2)
    with pytest.raises(ControlError, match=r"'gain' is .*; allowed 0 to 4"):
        plugin.set(gain=wrong)
    assert plugin.gain == 2
    blend = latentfx.load(plugin_file("blend"), tone="full")
    with pytest.raises(ControlError):
        blend.set(tone_half=0.25, tone=wrong)
    assert (blend.tone_half, blend.tone_full) == (0.0, 1.0)


@pytest.mark.parametrize(
    "wrong", [None, ["half"], {"half"}, 3, {"half": None}, {3: 1.0}, {"half": [1.0]}, ""]
)
def test_a_blend_that_is_no_blend_is_refused_and_changes_nothing(plugin_file: Write, wrong: Any) -> None:
    plugin = latentfx.load(plugin_file("blend"), tone="full")
    with pytest.raises(ControlError, match=r"tone"):
        plugin.set(tone_half=0.25, tone=wrong)
    assert (plugin.tone_half, plugin.tone_full) == (0.0, 1.0)


def test_a_rounding_error_beyond_the_range_is_the_end_of_the_range(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("gain"))
    for value in (np.float64(4.0) * (1 + 1e-7), np.nextafter(np.float32(4), np.float32(5)), 40 * 0.1 + 1e-15):
        assert plugin.set(gain=value).gain == 4.0
    assert plugin.set(gain=-1e-9).gain == 0.0
    with pytest.raises(ControlError, match=r"allowed 0 to 4"):
        plugin.set(gain=4.001)


def test_a_control_called_self_is_unknown_like_any_other(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("gain"))
    with pytest.raises(ControlError, match=r"'self' is unknown"):
        plugin.set(self=1.0)


@pytest.mark.parametrize("size", [0, -1, 2.5, None, True])
def test_a_buffer_size_below_1_or_no_number_is_refused(plugin_file: Write, size: Any) -> None:
    plugin = latentfx.load(plugin_file("gain"))
    audio = np.full(3000, 0.1, np.float32)
    with pytest.raises(ShapeError, match=r"buffer_size is .*; allowed are whole numbers from 1"):
        plugin(audio, RATE, buffer_size=size)
    with pytest.raises(ShapeError, match=r"buffer_size is .*; allowed are whole numbers from 1"):
        latentfx.apply(audio, None, plugin, sample_rate=RATE, buffer_size=size)
    np.testing.assert_array_equal(plugin(audio, RATE, buffer_size=1), audio)


def test_an_array_without_a_channel_is_refused(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("gain"))
    with pytest.raises(ShapeError, match=r"has no channel"):
        plugin(np.zeros((0, 3000), np.float32), RATE)
