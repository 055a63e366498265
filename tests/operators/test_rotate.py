"""What the controls of `Rotate` do to a pitch, seen on a factor that is a pitch in semitones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latentfx.operators.rotate import Rotate

HOP, RATE, FRAMES = 100, 1000, 40  # a frame lasts 100 ms


class Move(nn.Module):
    def forward(self, z: Tensor, semitones: Tensor) -> Tensor:
        return z + semitones.unsqueeze(-1)


class Turn(nn.Module):
    """Up within the octave from 0 to 11, and round."""

    def forward(self, z: Tensor, semitones: Tensor) -> Tensor:
        octave = torch.floor(z / 12.0) * 12.0
        return octave + torch.remainder(z - octave + semitones.unsqueeze(-1), 12.0)


def operator_and_knobs(**controls: float | Tensor) -> tuple[Rotate, Tensor]:
    """An operator, and its controls at these values or moving through them.

    Shape:
        -> [1, P, FRAMES]
    """
    operator = Rotate(Turn(), Move(), HOP, RATE, 2)
    columns = [
        torch.as_tensor(controls.get(control.name, control.default)).expand(FRAMES)
        for control in operator.controls
    ]
    return operator, torch.stack(columns)[None]


def rotate(pitch: float, splits: tuple[int, ...] = (FRAMES,), **controls: float | Tensor) -> Tensor:
    """Pitches of every frame, the controls at these values or moving through them.

    Shape:
        -> [FRAMES]
    """
    operator, knobs = operator_and_knobs(**controls)
    z = torch.full((1, 1, FRAMES), pitch)
    state, out, start = operator.initial_state(1), [], 0
    for size in splits:
        now = slice(start, start + size)
        factors, state = operator({"z": z[..., now], "v": z}, knobs[..., now], state)
        assert factors["v"] is z
        out.append(factors["z"])
        start += size
    return torch.cat(out, -1)[0, 0]


@pytest.mark.parametrize(
    ("controls", "heard"),
    [
        ({}, 64.0),  # an E in the octave from 60
        ({"steps": 3.0}, 67.0),
        ({"steps": 9.0}, 61.0),  # round
        ({"steps": -5.0}, 71.0),
        ({"steps": 0.25}, 64.25),
        ({"steps": 12.0}, 64.0),
        ({"steps": 1.0, "order": 1.0}, 71.0),  # a fifth: B
        ({"steps": 2.0, "order": 1.0}, 66.0),  # two: F sharp, in the same octave
        ({"steps": 9.0, "root": 4.0}, 73.0),  # octaves from E: nothing goes round
        ({"steps": -1.0, "root": 4.0}, 75.0),
    ],
)
def test_steps_go_round_the_octave(controls: dict[str, float], heard: float) -> None:
    assert rotate(64.0, **controls).tolist() == pytest.approx(FRAMES * [heard], abs=1e-3)


def test_a_glide_arrives_by_its_time_and_a_jump_at_once() -> None:
    steps = torch.where(torch.arange(FRAMES) < 10, 0.0, 4.0)
    glided = rotate(60.0, steps=steps, glide_ms=1000.0)
    assert glided[:10].tolist() == pytest.approx(10 * [60.0], abs=1e-4)
    assert float(glided[19]) == pytest.approx(60 + 0.95 * 4, abs=1e-3)
    assert bool((glided.diff()[9:] > 0).all())
    assert rotate(60.0, steps=steps)[10:].tolist() == pytest.approx(30 * [64.0], abs=1e-3)


def test_any_split_gives_the_same_glide() -> None:
    steps, glide = torch.linspace(-3.0, 8.0, FRAMES), torch.linspace(0.0, 900.0, FRAMES)
    whole = rotate(60.0, steps=steps, glide_ms=glide, root=0.0)
    cut = rotate(60.0, (1, 7, 30, 2), steps=steps, glide_ms=glide, root=0.0)
    torch.testing.assert_close(cut, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("steps", [11.3, -7.7])
def test_no_rounding_is_left_of_a_long_glide_that_would_detune_for_good(steps: float) -> None:
    operator, knobs = operator_and_knobs(steps=steps, order=1.0, glide_ms=2000.0)
    z, state = torch.full((1, 1, 1), 60.0), operator.initial_state(1)
    state["operator_started"] = torch.ones(1, 1)
    for _ in range(400):
        _, state = operator({"z": z}, knobs[..., :1], state)
    arrived = float(state["operator_steps"].double().sum())
    assert arrived == pytest.approx(7.0 * float(torch.tensor(steps)), abs=1e-9)


def test_the_margin_of_the_pitch_spectrum_is_cut_off() -> None:
    spectrum = torch.rand(1, 10, 3)
    features = Rotate(Turn(), Move(), HOP, RATE, 2).on_features(
        {"pitch_spectrum": spectrum, "newest_spectrum": -spectrum}, spectrum
    )
    assert torch.equal(features["pitch"], spectrum[:, 2:-2])
