"""Pitch codes on a ring: the code's own arithmetic, and a small training of h, hinv and T."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.export.checks.timing import torch_threads
from latentfx.methods.oplas.ring.model import PitchRing, PitchRingConfig
from latentfx.methods.oplas.ring.networks import RingTurn
from latentfx.methods.swapper.harmonic import pitch_code
from latentfx.methods.swapper.pitch_positions import PitchCode, around

CONFIG = PitchRingConfig(hidden=(48, 48))
A4 = 57.0  # semitones above C0


def codes(positions: Tensor) -> Tensor:
    """Codes of pitches, semitones above C0."""
    code = PitchCode(CONFIG.spectral, CONFIG.n_pitch_combs, CONFIG.z_size)
    first = pitch_code(CONFIG.n_pitch_combs, CONFIG.z_size)[0].expand(len(positions), -1)
    z: Tensor = code(first, positions - code.lowest)
    return z


def test_a_code_moves_as_its_pitch_does() -> None:
    code, rows = (
        PitchCode(CONFIG.spectral, CONFIG.n_pitch_combs, CONFIG.z_size),
        pitch_code(CONFIG.n_pitch_combs, CONFIG.z_size),
    )
    torch.testing.assert_close(code(rows[:200], torch.full((200,), 2.0)), rows[8:208], atol=1e-4, rtol=0)
    positions = torch.linspace(30.0, 80.0, 101)
    assert float((code.position(codes(positions)) - positions).abs().max()) < 0.05
    a4 = 12 * math.log2(440 / CONFIG.spectral.f_min_hz) * 4  # a row every quarter of a semitone
    assert float(code.position(rows[round(a4)])) == pytest.approx(A4, abs=0.01)


def test_around_wraps_within_the_octave_from_c_to_b() -> None:
    positions = torch.tensor([48.0, 59.0, 57.3, 47.6])
    steps = torch.tensor([-1.0, 1.0, 0.0, 11.5])
    moved = positions + around(positions, steps)
    assert moved.tolist() == pytest.approx([59.0, 48.0, 57.3, 59.1], abs=1e-4)
    everywhere = torch.linspace(30.0, 90.0, 200)
    assert float(around(everywhere, torch.full((200,), 12.0)).abs().max()) < 1e-4


@pytest.fixture(scope="module")
def ring() -> PitchRing:
    """Trained on codes of two octaves for some seconds."""
    torch.manual_seed(0)
    ring = PitchRing(CONFIG)
    optimiser = torch.optim.AdamW(ring.parameters(), lr=5e-3)
    with torch_threads(1):
        for step in range(400):
            if step == 100:
                ring.begin_stage(1)
            z = codes(47.5 + 24.0 * torch.rand(128))
            loss = ring.loss({"z": z[None], "clear": torch.ones(1, 128, 1)})["loss"]
            optimiser.param_groups[0]["lr"] = 5e-3 * (1 - step / 400)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return ring.eval().requires_grad_(False)


def test_a_step_is_a_twelfth_of_a_turn(ring: PitchRing) -> None:
    assert float(ring.networks.step.angles()[0]) == pytest.approx(30.0, abs=0.3)
    y = ring.networks(codes(torch.arange(48.0, 72.0)))
    once, twelve = ring.networks.step(y), y
    for _ in range(12):
        twelve = ring.networks.step(twelve)
    assert float((twelve - y).norm() / y.norm()) < 0.2 * float((once - y).norm() / y.norm())


def test_turned_notes_are_the_notes_of_their_octave(ring: PitchRing) -> None:
    notes = torch.arange(48.0, 72.0)
    turn = RingTurn(ring.networks)
    z = codes(notes)
    assert torch.equal(turn(z, torch.zeros(24)), z)
    for steps in (-5.0, 1.0, 4.0, 7.0):
        heard = ring.code.position(turn(z, torch.full((24,), steps)))
        octave = torch.floor(notes / 12) * 12
        expected = octave + torch.remainder(notes - octave + steps, 12)
        assert float(((heard - expected).abs() < 0.5).float().mean()) > 0.85


def test_settings_that_make_no_ring_are_refused() -> None:
    with pytest.raises(RecipeError, match="z_size is 31"):
        PitchRingConfig(z_size=31)
    with pytest.raises(RecipeError, match="multiples of 12"):
        PitchRingConfig(spectral=CONFIG.spectral.__class__(bins_per_octave=50))
