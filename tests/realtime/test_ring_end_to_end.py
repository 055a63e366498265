"""The shipped ring, played by keys: C then G moves the sound a fifth, from the next hop on."""

from __future__ import annotations

import numpy as np
import pytest
from mido import Message

import latentfx
from latentfx.arrays import Float32
from latentfx.realtime import LiveHost
from latentfx.training.metrics.pitch import track_pitch

RATE = 48_000
HOP = 256
C4_HZ = 261.63
HOPS = 2 * RATE // HOP
PRESSED = 80


def line(seconds: float) -> Float32:
    """A steady C4 with ten harmonics."""
    times = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * C4_HZ * k * times) / k for k in range(1, 11))
    return (0.2 * tone).astype(np.float32)[None]


def test_c_then_g_moves_the_sound_a_fifth_round_the_ring_within_one_hop() -> None:
    audio = line(2.0)
    with LiveHost(latentfx.load_preset("ring-keys").load(), block=HOP, place="callback") as host:
        host.output.limiter = None
        host.midi.choose(latentfx.load_preset("ring-keys").bindings)
        host.controls["glide_ms"] = 0
        host.send(Message("note_on", note=60))
        heard = []
        for hop in range(HOPS):
            if hop == PRESSED:
                host.send(Message("note_on", note=67))
            heard.append(host.process(audio[:, hop * HOP : (hop + 1) * HOP]))
        latency = host.latency
    out = np.concatenate(heard, axis=1)

    plugin = latentfx.load("ring")
    blocks, expected = plugin.blocks(), []
    for hop in range(HOPS):
        plugin.steps = 7 if hop >= PRESSED else 0
        expected.append(blocks.step(audio[None, :, hop * HOP : (hop + 1) * HOP])[0].copy())
    np.testing.assert_allclose(out, np.concatenate(expected, axis=1), atol=1e-4)

    pressed = PRESSED * HOP + latency
    before = track_pitch(out[0, RATE // 4 : pressed], RATE, "tiny").f0_hz
    after = track_pitch(out[0, pressed + 2 * HOP :], RATE, "tiny").f0_hz
    cents = 1200 * np.log2(np.median(after) / np.median(before))
    assert np.median(before) == pytest.approx(C4_HZ, rel=0.01)
    assert cents == pytest.approx(700, abs=25)
