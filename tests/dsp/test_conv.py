from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from latentfx.dsp.conv import CausalConv1d
from latentfx.errors import ShapeError

SHAPES = [(4, 6, 5, 1, 1), (4, 6, 3, 4, 2), (4, 4, 2, 9, 4), (4, 2, 1, 1, 1)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=8), st.sampled_from(SHAPES))
def test_any_split_equals_one_padded_convolution(
    lengths: list[int], shape: tuple[int, int, int, int, int]
) -> None:
    torch.manual_seed(0)
    channels_in, channels_out, taps, dilation, groups = shape
    layer = CausalConv1d(channels_in, channels_out, taps, dilation=dilation, groups=groups)
    x = torch.randn(2, channels_in, sum(lengths))
    padded = functional.pad(x, [(taps - 1) * dilation, 0])
    expected = functional.conv1d(padded, layer.conv.weight, layer.conv.bias, dilation=dilation, groups=groups)
    state, pieces = layer.initial_state(2), []
    for piece in x.split(lengths, -1):
        y, state = layer(piece, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, -1), expected, atol=1e-6, rtol=1e-5)


def test_the_future_is_not_heard() -> None:
    layer = CausalConv1d(1, 1, 7, dilation=3)
    x = torch.randn(1, 1, 100)
    changed = x.clone()
    changed[..., 60:] += 1.0
    y, _ = layer(x, layer.initial_state())
    z, _ = layer(changed, layer.initial_state())
    torch.testing.assert_close(z[..., :60], y[..., :60], rtol=0, atol=0)
    assert (z[..., 60] - y[..., 60]).abs() > 1e-4


def test_the_given_state_is_not_changed() -> None:
    layer = CausalConv1d(2, 2, 3, prefix="first_")
    state = layer.initial_state()
    layer(torch.ones(1, 2, 5), state)
    assert list(state) == ["first_history"]
    assert state["first_history"].abs().max() == 0.0


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="groups is 3; allowed divisors of 4 channels in and 6 out"):
        CausalConv1d(4, 6, 3, groups=3)
    with pytest.raises(ShapeError, match="must be 1 or more"):
        CausalConv1d(4, 6, 0)
