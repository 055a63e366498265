"""What was played live comes again from the moves that were recorded with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from jack_rig import RATE, Rig
from typer.testing import CliRunner

from latentfx.cli import app

Start = Callable[..., Any]
Write = Callable[..., Path]


def controllers(rng: np.random.Generator, count: int, samples: int) -> list[tuple[int, bytes]]:
    """Controller 1, at random times and values."""
    times = np.sort(rng.integers(0, samples, count))
    return [(int(when), bytes([0xB0, 1, int(rng.integers(0, 128))])) for when in times]


@pytest.mark.parametrize(
    ("kind", "bind"),
    [("delay", "cc:1=gain:0..2,smoothing_ms=30"), ("timbre-swap", "cc:1=timbre:violin..trumpet")],
)
@pytest.mark.parametrize("place", ["callback", "worker"])
def test_the_recorded_moves_make_the_recording_again(
    rig: Rig, player: Start, plugin_file: Write, tmp_path: Path, kind: str, bind: str, place: str
) -> None:
    plugin = plugin_file("delay") if kind == "delay" else kind
    take, again = tmp_path / "take.wav", tmp_path / "again.wav"
    running = player(
        *("-p", plugin, "--place", place, "--midi", "virtual", "--bind", bind, "--set", "output_db=-3")[
            : None if kind == "timbre-swap" else -2
        ],
        *("--record", take),
    )
    rig.connect_midi("latentfx")
    rng = np.random.default_rng(8)
    audio = rng.uniform(-0.1, 0.1, (1, 2 * RATE)).astype(np.float32)
    rig.play(audio, controllers(rng, 40, 2 * RATE), whole=False)
    running.finish()
    moves = mido.MidiFile(tmp_path / "take.mid")
    assert len([message for message in moves if message.type == "control_change"]) == 40
    options = ["apply", tmp_path / "take-dry.wav", again, "-p", plugin, "--midi", tmp_path / "take.mid"]
    ran = CliRunner().invoke(app, list(map(str, options)))
    assert ran.exit_code == 0, ran.output
    live, _ = soundfile.read(take, dtype="float32")
    made, _ = soundfile.read(again, dtype="float32")
    live = live if live.ndim == 1 else live[:, 0]
    assert np.std(live[RATE // 2 :]) > 1e-3
    np.testing.assert_allclose(made[: len(live)], live, atol=0 if kind == "delay" else 1e-5)
