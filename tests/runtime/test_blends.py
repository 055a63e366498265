"""Blends of a loaded plugin: set by name, and learnt from a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentfx.errors import AudioWarning, ControlError, ControlWarning, ShapeError
from latentfx.host.runtime import LatentPlugin
from latentfx.library import load

RATE = 48_000
Write = Callable[[str], Path]


@pytest.fixture
def delay(plugin_file: Write) -> LatentPlugin:
    return load(plugin_file("delay"))


@pytest.fixture
def blend(plugin_file: Write) -> LatentPlugin:
    return load(plugin_file("blend"))


def tone(seconds: float, rate: float, hz: float = 440.0) -> np.ndarray:
    """A sine that fades in and out, so that it has no edges."""
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * hz * time) * np.sin(np.pi * time / seconds) ** 2 / 2


@pytest.mark.parametrize(
    ("value", "factor"),
    [("half", 2), ("full", 4), (" FULL ", 4), ("half:0.5+full:0.5", 3), ({"half": 0.25, "full": 0.75}, 3.5)],
)
def test_a_blend_is_set_by_name(blend: LatentPlugin, value: str | dict[str, float], factor: float) -> None:
    blend.tone = value
    audio = tone(0.02, RATE)
    np.testing.assert_allclose(blend(audio, RATE), np.tanh(factor * audio), atol=1e-6)


@pytest.mark.parametrize(
    ("value", "shares"),
    [
        ("half:0.7+full:0.7", r"adds up to 1\.4, not 1; .* its shares, which are half:0\.5\+full:0\.5"),
        ({"full": 0.3}, r"adds up to 0\.3, not 1; .* which are full:1"),
    ],
)
def test_a_blend_that_does_not_add_up_is_named_with_what_is_played(
    blend: LatentPlugin, value: str | dict[str, float], shares: str
) -> None:
    with pytest.warns(ControlWarning, match=shares):
        blend.tone = value


def test_a_blend_in_thirds_adds_up(blend: LatentPlugin) -> None:
    blend.tone = "half:0.33+full:0.66"
    assert blend.tone_full == pytest.approx(0.66)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("loud", r"tone 'loud' is unknown\. This plugin has reference, half, full"),
        ("Hlaf", r"tone 'Hlaf' is unknown\. Did you mean 'half'\?"),
        (
            0.5,
            r"tone is 0\.5; allowed reference, half, full, or a blend of them such as half:0\.5\+full:0\.5",
        ),
        (None, "tone is None; allowed reference, half, full"),
        ("half:2", "weight 2.0; allowed 0 to 1"),
        ("half:x", "not LABEL or LABEL:WEIGHT"),
        ("half:0", "every choice the weight 0"),
    ],
)
def test_a_wrong_blend_is_answered_with_the_choices(blend: LatentPlugin, value: Any, message: str) -> None:
    with pytest.raises(ControlError, match=message):
        blend.tone = value
    assert blend.tone == {"half": 1.0}


def test_a_choice_is_learnt_from_a_recording(blend: LatentPlugin) -> None:
    """This plugin learns the loudest sample, and then amplifies by it; a sharp peak is brought to 0.98."""
    recording = np.tile(0.005 * tone(0.5, RATE), (2, 1))
    recording[:, 7000] = -0.75
    blend.learn("tone", recording, RATE)
    assert blend.tone == {"reference": 1.0}
    audio = tone(0.02, RATE)
    for _ in range(2):
        np.testing.assert_allclose(blend(audio, RATE), np.tanh(0.98 * audio), atol=1e-6)
    blend.tone = "reference:0.5+half:0.5"
    np.testing.assert_allclose(blend(audio, RATE), np.tanh(1.49 * audio), atol=1e-6)


def test_what_listen_returns_can_be_recalled_later(blend: LatentPlugin) -> None:
    heard = blend.listen("tone", np.full(1000, 0.75), RATE)
    assert heard.item() == pytest.approx(0.1)  # the level of training
    assert blend.tone == {"half": 1.0}
    audio = tone(0.02, RATE)
    np.testing.assert_allclose(blend(audio, RATE), np.tanh(2 * audio), atol=1e-6)
    blend.recall("tone", 15 * heard)
    np.testing.assert_allclose(blend(audio, RATE), np.tanh(1.5 * audio), atol=1e-6)
    with pytest.raises(ShapeError, match=r"tone has the shape \(3,\); plugin 'blend' has \(1, 1\)"):
        blend.recall("tone", np.zeros(3))


@pytest.mark.parametrize("gain_db", [-50.0, -20.0, 6.0])
def test_a_soft_recording_teaches_what_a_loud_one_does(blend: LatentPlugin, gain_db: float) -> None:
    recording = tone(0.2, RATE)
    heard = blend.listen("tone", recording, RATE)
    soft = (recording * 10 ** (gain_db / 20)).astype(np.float32)
    np.testing.assert_allclose(blend.listen("tone", soft, RATE), heard, rtol=1e-3)
    soft[100:110] = np.nan
    np.testing.assert_allclose(blend.listen("tone", soft, RATE), heard, rtol=0.05)


@pytest.mark.parametrize("sample", [0.0, 1e-5, np.nan, np.inf])
def test_nothing_is_learnt_from_silence(blend: LatentPlugin, sample: float) -> None:
    with pytest.raises(ShapeError, match=r"learn tone from is silent: its peak is .*; allowed above -80 dB"):
        blend.learn("tone", np.full(1000, sample), RATE)
    assert blend.tone == {"half": 1.0}


def test_learning_from_too_short_a_recording_or_without_a_blend_is_refused(
    blend: LatentPlugin, delay: LatentPlugin
) -> None:
    for seconds in (0.0002, 0.05):
        with pytest.raises(ShapeError, match=rf"sounds for {seconds:.2f} s; allowed 0\.25 s or more"):
            blend.learn("tone", tone(seconds, RATE), RATE)
    with pytest.raises(ShapeError, match="too short to learn tone"):
        blend.listen("tone", np.full(10, 0.5), RATE)
    with pytest.raises(ControlError, match="'timbre' is no blend of plugin 'delay'; it has none"):
        delay.learn("timbre", np.zeros(1000), RATE)


@pytest.mark.parametrize("colour", ["white", "drops"])
def test_learning_from_noise_is_said(blend: LatentPlugin, colour: str) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    if colour == "drops":
        noise = np.where(np.arange(RATE) % 7000 < 40, noise, 0.02 * noise)
    with pytest.warns(AudioWarning, match="holds no tone, only noise or clicks"):
        blend.learn("tone", noise, RATE)
    assert blend.tone == {"reference": 1.0}


@pytest.mark.parametrize("hz", [80.0, 440.0, 900.0])
@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
def test_learning_from_a_note_says_nothing(blend: LatentPlugin, hz: float, rate: int) -> None:
    breath = 0.01 * np.random.default_rng(0).standard_normal(2 * rate)
    partials = sum(tone(2.0, rate, k * hz) / k for k in range(1, 5))
    blend.learn("tone", 0.2 * partials + breath, rate)
