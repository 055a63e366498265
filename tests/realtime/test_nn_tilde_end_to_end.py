"""A model for nn~ that others made plays live under a MIDI controller, as `latentfx live` is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jack_rig import RATE, Rig

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_rave import toy_file

import latentfx

Start = Callable[..., Any]


def test_a_controller_bends_the_code_of_a_model_that_others_made(
    rig: Rig, player: Start, tmp_path: Path
) -> None:
    """The toy gives silence for silence, and sound for a code that is pushed away from 0."""
    path = toy_file(tmp_path / "rave.ts")
    latentfx.load(path, trust=True)  # measures it, which a player does not wait for at every start
    running = player("-p", path, "--trust", "--midi", "virtual", "--bind", "cc:21=latent_0_offset")
    rig.connect_midi("latentfx")
    moved = RATE
    heard = rig.play(np.zeros((1, 3 * RATE), np.float32), [(moved, bytes([0xB0, 21, 127]))])[0]
    stats = running.finish()
    assert stats["plugin"] == "rave"
    assert stats["controls"]["latent_0_offset"] == 4.0
    assert stats["silenced"] == 0
    assert float(np.abs(heard[:moved]).max()) < 1e-6
    assert float(np.abs(heard[2 * RATE :]).max()) > 1e-3
