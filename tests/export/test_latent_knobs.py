"""The shipped knobs: a line at rest is itself, and named knobs do what they are named after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import latentfx
from latentfx.effect import LatentEffect
from latentfx.export.checks.opened import plugin_path
from latentfx.export.nn_tilde.file import export_nn_tilde
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.rebuild import rebuild_plugin
from latentfx.host.nn_tilde.model import open_module
from latentfx.training.metrics.tones import describe_tone

RATE = 48_000
Float32 = NDArray[np.float32]


def line(f0_hz: float, amplitude: float = 0.1) -> Float32:
    times = np.arange(RATE) / RATE
    wave = sum(np.sin(2 * np.pi * f0_hz * k * times + k) / k for k in range(1, 13))
    rng = np.random.default_rng(0)
    return np.asarray(amplitude * wave + 1e-3 * rng.standard_normal(RATE), dtype=np.float32)


def heard(audio: Float32, **controls: float) -> dict[str, float]:
    out: Float32 = latentfx.load("latent-knobs").set(**controls)(audio, RATE)
    return dict(describe_tone(out.reshape(-1)[RATE // 4 :], RATE))


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 880.0])
def test_at_rest_pitch_and_level_are_those_of_the_input(f0_hz: float) -> None:
    audio = line(f0_hz)
    before, after = describe_tone(audio[RATE // 4 :], RATE), heard(audio)
    assert after["pitch"] == pytest.approx(before["pitch"], abs=0.2)
    assert after["level"] == pytest.approx(before["level"], abs=1.5)


def test_the_knobs_of_pitch_and_level_move_these_alone() -> None:
    rest, higher, softer = (
        heard(line(330.0), **moves) for moves in ({}, {"z0_pitch_sd": 1.0}, {"z1_level_sd": -1.0})
    )
    assert higher["pitch"] - rest["pitch"] > 6.0
    assert higher["level"] == pytest.approx(rest["level"], abs=1.0)
    assert rest["level"] - softer["level"] > 4.0
    assert softer["pitch"] == pytest.approx(rest["pitch"], abs=0.05)
    assert softer["brightness"] == pytest.approx(rest["brightness"], abs=0.5)


def test_the_knobs_of_brightness_and_breath_move_these() -> None:
    rest, brighter, breathier = (
        heard(line(330.0), **moves) for moves in ({}, {"z2_brightness_sd": 1.5}, {"z4_breath_sd": 1.5})
    )
    assert brighter["brightness"] - rest["brightness"] > 4.0
    assert breathier["breath"] - rest["breath"] > 6.0
    for moved in (brighter, breathier):
        assert moved["pitch"] == pytest.approx(rest["pitch"], abs=0.1)


def test_the_named_knobs_tell_what_was_measured_of_them() -> None:
    spec = latentfx.load("latent-knobs").spec
    told = [control.name for control in spec.controls if "held-out clips" in control.description]
    assert told == ["z0_pitch_sd", "z1_level_sd", "z2_brightness_sd", "z3_hollow_sd", "z4_breath_sd"]
    assert spec.latency == 512


def test_in_nn_tilde_it_encodes_decodes_and_steers(tmp_path: Path) -> None:
    effect, _ = rebuild_plugin(plugin_path("latent-knobs"))
    assert isinstance(effect, LatentEffect)
    facts = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}
    path = export_nn_tilde(
        effect, tmp_path / "knobs.ts", facts, lambda m: verify_nn_tilde(effect, m).as_dict()
    )
    module = open_module(path.read_bytes())
    assert module.get_methods() == ["forward", "info", "encode", "decode", "steer"]
    codes = module.encode(torch.from_numpy(line(330.0)[None, None, : 256 * 64]))
    torch.testing.assert_close(module.steer(codes), codes, atol=1e-5, rtol=0)
    assert module.decode(codes).abs().max() > 0.05
