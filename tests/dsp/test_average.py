"""Means over the last few seconds."""

from __future__ import annotations

import math

import pytest
import torch

from latentfx.dsp.average import RunningMean
from latentfx.errors import ShapeError


def test_it_is_the_weighted_mean_with_exponential_memory() -> None:
    mean = RunningMean(3, 10.0)
    values, weight = torch.randn(2, 40, 3), torch.rand(2, 40, 1)
    found, _ = mean(values, weight, mean.initial_state(2))
    share = weight * torch.exp((torch.arange(40.0) - 39) / 10)[None, :, None]
    expected = (values * share).sum(1) / share.sum(1)
    torch.testing.assert_close(found[:, -1], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("splits", [[1] * 30, [7, 1, 22], [29, 1]])
def test_any_split_gives_the_same(splits: list[int]) -> None:
    mean = RunningMean(2, 20.0)
    values, weight = torch.randn(2, 30, 2), (torch.rand(2, 30, 1) > 0.3).float()
    whole, end = mean(values, weight, mean.initial_state(2))
    state, pieces, start = mean.initial_state(2), [], 0
    for size in splits:
        piece, state = mean(values[:, start : start + size], weight[:, start : start + size], state)
        pieces.append(piece)
        start += size
    torch.testing.assert_close(torch.cat(pieces, 1), whole, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(state, end, atol=1e-5, rtol=1e-4)


def test_what_weighs_nothing_does_not_count_and_nothing_heard_is_0() -> None:
    mean = RunningMean(1, 5.0)
    values = torch.tensor([[[9.0], [4.0], [7.0]]])
    found, _ = mean(values, torch.tensor([[[0.0], [1.0], [0.0]]]), mean.initial_state())
    assert found.flatten().tolist() == pytest.approx([0.0, 4.0, 4.0], abs=1e-5)


@pytest.mark.parametrize(("size", "frames"), [(0, 5.0), (1, 0.0), (1, -math.inf)])
def test_sizes_that_make_no_sense_are_refused(size: int, frames: float) -> None:
    with pytest.raises(ShapeError, match="allowed 1 or more, above 0"):
        RunningMean(size, frames)
