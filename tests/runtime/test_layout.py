"""Arrays are read as Pedalboard reads them: compared with Pedalboard itself."""

from __future__ import annotations

import numpy as np
import pedalboard
import pytest

from latentfx.errors import ShapeError
from latentfx.host.layout import find_layout, from_channels, to_channels

SHAPES = [(7,), (0,), (1,), (2, 9), (9, 2), (3, 9), (1, 9), (9, 1), (1, 1), (2, 0), (0, 2), (2, 2), (1, 2, 9)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_shapes_and_types_are_taken_or_refused_as_pedalboard_does(shape: tuple[int, ...], dtype: str) -> None:
    audio = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    try:
        expected = pedalboard.Gain(0.0)(audio, 48_000)
    except (RuntimeError, TypeError):
        with pytest.raises(ShapeError):
            to_channels(audio, find_layout(shape))
        return
    layout = find_layout(shape)
    out = from_channels(to_channels(audio, layout), layout)
    assert out.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("shape", "channels"), [((2, 9), 2), ((9, 2), 2), ((5,), 1), ((1, 5), 1), ((32, 40), 32)]
)
def test_the_shorter_axis_holds_the_channels(shape: tuple[int, ...], channels: int) -> None:
    assert to_channels(np.zeros(shape), find_layout(shape)).shape[0] == channels


def test_a_short_end_of_a_stream_keeps_its_channels() -> None:
    """Pedalboard takes one stereo sample for two mono ones; who knows the number of channels does not."""
    assert find_layout((2, 1)) == "samples first"
    assert find_layout((2, 1), channels=2, last="channels first") == "channels first"
    assert find_layout((1, 2), channels=2, last="samples first") == "samples first"
    assert find_layout((2, 2), channels=2, last="samples first") == "samples first"
