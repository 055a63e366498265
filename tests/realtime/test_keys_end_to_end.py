"""`latentfx live --keys`: MIDI alone makes sound, soon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jack_rig import RATE, Rig
from test_midi_end_to_end import HOP, PERIOD

import latentfx
from latentfx.keys.response import measure_response

Start = Callable[..., Any]
NOTES = (57, 64, 60, 69, 62, 66) * 3
EVERY = RATE // 2
HEARD_DB = -30.0


def pressed(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Keys and the samples at which they go down, at any place within a period."""
    return [(EVERY * (turn + 1) + int(rng.integers(0, PERIOD)), note) for turn, note in enumerate(NOTES)]


@pytest.mark.parametrize("name", ["timbre-swap", "ring"])
def test_keys_are_heard_within_the_latency_that_is_stated(
    rig: Rig, player: Start, name: str, record_property: Callable[[str, object], None]
) -> None:
    block = 2 * PERIOD
    running = player("--keys", "-p", name, "--midi", "virtual", "--place", "callback", "--block", block)
    rig.connect_midi("latentfx")
    keys = pressed(np.random.default_rng(1))
    events = [(when, bytes([0x90, note, 100])) for when, note in keys]
    events += [(when + EVERY // 2, bytes([0x80, note, 0])) for when, note in keys]
    heard = rig.play(np.zeros((1, EVERY * (len(keys) + 2)), np.float32), events, whole=False)[0]
    stats = running.finish()
    latency = round(stats["total_ms"] * RATE / 1000)
    delays = []
    for when, _ in keys:
        note = np.abs(np.nan_to_num(heard[when - PERIOD : when + EVERY // 2]))
        first = np.flatnonzero(note > 10 ** (HEARD_DB / 20) * note.max())[0]
        delays.append(int(first) - PERIOD)
    ms = 1000 * np.array(delays) / RATE
    record_property("delay_ms", {"median": float(np.median(ms)), "worst": float(ms.max())})
    attack_s = measure_response(latentfx.load(name)).attack_s
    assert max(delays) <= latency + PERIOD + block + HOP + attack_s * RATE
    assert min(delays) > 0


def test_keys_and_an_input_are_refused_together(rig: Rig, player: Start) -> None:
    with pytest.raises(RuntimeError, match="leave those out, or the keys"):
        player("--keys", "--input", "horn")
