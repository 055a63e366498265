"""A recording with what nobody hears in it, before its first note: the shipped plugins stay quiet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

import latentfx

RATE = 48_000
VIOLIN = Path(__file__).parents[2] / "examples" / "audio" / "violin.flac"


@pytest.mark.parametrize("plugin", ["timbre-swap", "timbre-swap-live", "ring"])
@pytest.mark.parametrize("offset", [0.003, -0.01])
def test_an_offset_is_no_note_before_the_first_one(plugin: str, offset: float) -> None:
    time = np.arange(3 * RATE) / RATE
    note = sum(np.sin(2 * np.pi * 440.0 * number * time) / number for number in range(1, 9))
    audio = np.where(time > 2.0, 0.2 * note, 0.0).astype(np.float32)
    loaded = latentfx.load(plugin)
    out, plain = loaded(audio + np.float32(offset), RATE), loaded(audio, RATE)
    quiet = out[RATE // 2 : 2 * RATE - RATE // 10]
    assert float(np.abs(quiet).max()) < 1e-4
    level = [float(np.sqrt(np.mean(x[2 * RATE + RATE // 4 :] ** 2))) for x in (plain, out)]
    assert level[1] == pytest.approx(level[0], rel=0.02)


@pytest.mark.parametrize("plugin", ["timbre-swap", "ring"])
def test_a_plugin_is_as_loud_as_its_input(plugin: str) -> None:
    """Within 1 LU, on the example of the README."""
    audio, rate = soundfile.read(VIOLIN, dtype="float32", always_2d=True)
    source = audio[:, 0]
    meter = pyloudnorm.Meter(rate)
    for timbre in ("trumpet", "cello") if plugin == "timbre-swap" else (None,):
        controls = {} if timbre is None else {"timbre": timbre}
        out = latentfx.load(plugin, **controls)(source, rate)
        change = meter.integrated_loudness(out) - meter.integrated_loudness(source)
        assert abs(change) < 1.0
        assert float(np.abs(out).max()) <= 1.0
