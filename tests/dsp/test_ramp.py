from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfx.dsp.ramp import ControlRamp
from latentfx.errors import ShapeError


def test_it_starts_at_the_first_target() -> None:
    ramp = ControlRamp(2, 64, 20.0, 48_000)
    samples, frames, _ = ramp(torch.tensor([[-24.0, 0.5]]), 3, ramp.initial_state())
    assert torch.equal(samples, torch.tensor([[-24.0], [0.5]]).expand(1, 2, 192))
    assert torch.equal(frames, samples[..., :3])


def test_a_jump_is_95_percent_done_after_its_time() -> None:
    ramp = ControlRamp(1, 48, 20.0, 48_000)
    _, _, state = ramp(torch.zeros(1, 1), 1, ramp.initial_state())
    samples, frames, _ = ramp(torch.ones(1, 1), 60, state)
    assert float(samples[0, 0, 959]) == pytest.approx(0.95, abs=1e-3)
    torch.testing.assert_close(frames, samples[..., 47::48])
    assert float(samples[0, 0, -1]) == pytest.approx(1.0, abs=2e-4)


def test_a_jump_makes_no_click() -> None:
    """The path is continuous, monotonic, never steeper than its first hop, and never overshoots."""
    ramp = ControlRamp(1, 128, 20.0, 48_000)
    _, _, state = ramp(torch.zeros(1, 1), 1, ramp.initial_state())
    samples, _, state = ramp(torch.ones(1, 1), 8, state)
    back, _, _ = ramp(torch.zeros(1, 1), 8, state)
    steps = torch.cat([torch.zeros(1), samples[0, 0], back[0, 0]]).diff()
    assert steps.abs().max() <= steps[0] * (1 + 1e-4)
    assert bool((steps[:1024] >= 0).all())
    assert bool((steps[1024:] <= 0).all())
    assert samples.max() <= 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.floats(-24, 24, width=32)), min_size=1, max_size=6))
def test_any_split_gives_the_same(course: list[tuple[int, float]]) -> None:
    ramp = ControlRamp(1, 16, 10.0, 8_000)
    whole_state = split_state = ramp.initial_state()
    for frames, target in course:
        goal = torch.tensor([[target]])
        whole, _, whole_state = ramp(goal, frames, whole_state)
        pieces = []
        for _ in range(frames):
            piece, _, split_state = ramp(goal, 1, split_state)
            pieces.append(piece)
        torch.testing.assert_close(torch.cat(pieces, -1), whole, atol=1e-4, rtol=0)


def test_no_time_jumps_within_one_hop_and_rows_are_independent() -> None:
    ramp = ControlRamp(1, 8, 0.0, 48_000)
    _, _, state = ramp(torch.tensor([[1.0], [5.0]]), 1, ramp.initial_state(2))
    _, frames, _ = ramp(torch.tensor([[2.0], [5.0]]), 1, state)
    torch.testing.assert_close(frames[:, 0, 0], torch.tensor([2.0, 5.0]))


@pytest.mark.parametrize("sizes", [(0, 8, 1.0, 48_000), (1, 0, 1.0, 48_000), (1, 8, -1.0, 48_000)])
def test_wrong_sizes_are_refused(sizes: tuple[int, int, float, int]) -> None:
    with pytest.raises(ShapeError, match="allowed 1 or more of each, and 0 ms or more"):
        ControlRamp(*sizes)
