"""A line moves by whole octaves into a range: by as few as it takes, and without going to and fro."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.harmonic import pitch_code
from latentfx.methods.swapper.octaves import Octaves
from latentfx.methods.swapper.pitch_positions import PitchCode

CONFIG = SwapperConfig()
FRAMES_PER_S = 187.5
C0 = 12.0
VIOLIN, CELLO = (55.0, 96.0), (36.0, 76.0)


@pytest.fixture
def octaves() -> Octaves:
    code = PitchCode(CONFIG.spectral, CONFIG.n_pitch_combs, CONFIG.z_size)
    return Octaves(code, torch.tensor([VIOLIN, CELLO]) - C0, FRAMES_PER_S)


def line(octaves: Octaves, *midi: float, frames: int = 200) -> Tensor:
    """Codes of notes, one after another.

    Shape:
        -> [1, notes * frames, Z]
    """
    table = pitch_code(CONFIG.n_pitch_combs, CONFIG.z_size)
    rows = [round((note - C0 - octaves.code.lowest) * CONFIG.spectral.bins_per_octave / 12) for note in midi]
    return torch.cat([table[row].expand(frames, -1) for row in rows])[None]


def moved(octaves: Octaves, z: Tensor, on: float = 1.0, violin: float = 1.0) -> Tensor:
    """By how many semitones each frame is moved."""
    weights = torch.tensor([violin, 1.0 - violin])[None, :, None].expand(1, -1, z.shape[1])
    moves = torch.full(z.shape[:2], on)
    out, _ = octaves(z, weights, moves, octaves.initial_state(1))
    return (octaves.code.position(out) - octaves.code.position(z))[0]


@pytest.mark.parametrize(("note", "octave"), [(40.0, 2), (50.0, 1), (56.0, 1), (69.0, 0), (90.0, 0)], ids=str)
def test_a_line_goes_into_the_range_by_the_fewest_octaves(octaves: Octaves, note: float, octave: int) -> None:
    heard = moved(octaves, line(octaves, note))
    torch.testing.assert_close(heard, torch.full_like(heard, 12.0 * octave), atol=0.1, rtol=0)


def test_the_range_is_that_of_the_timbres_by_their_weights(octaves: Octaves) -> None:
    assert moved(octaves, line(octaves, 50.0), violin=0.0)[-1].abs() < 0.1
    assert abs(moved(octaves, line(octaves, 80.0), violin=0.0)[-1] + 12.0) < 0.1


def test_off_it_moves_nothing(octaves: Octaves) -> None:
    assert float(moved(octaves, line(octaves, 40.0), on=0.0).abs().max()) < 1e-3


def test_a_line_about_the_end_of_the_range_is_not_torn(octaves: Octaves) -> None:
    """The mean goes up and down by a semitone about the pitch at which the octave changes."""
    heard = moved(octaves, line(octaves, *[56.5, 59.0, 57.0, 58.7] * 6, frames=150))
    assert float(heard.diff().abs().max()) < 0.1


def test_any_split_gives_the_same(octaves: Octaves) -> None:
    z = line(octaves, 50.0, 52.0, 60.0, 62.0, 75.0, frames=90)
    weights, moves = torch.ones(1, 2, z.shape[1]), torch.ones(z.shape[:2])
    whole, _ = octaves(z, weights, moves, octaves.initial_state(1))
    state, pieces, start = octaves.initial_state(1), [], 0
    for size in (1, 100, 7, 300, 42):
        part = slice(start, start + size)
        out, state = octaves(z[:, part], weights[:, :, part], moves[:, part], state)
        pieces.append(out)
        start += size
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-4, rtol=0)
