"""Examples: arrays by name, labels by factor, and what is read from them."""

from __future__ import annotations

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data import Example, Note

RATE = 16000


def test_example_of_audio_reads_back_what_it_was_made_of() -> None:
    low, high = np.full(RATE, 0.25, np.float32), np.full(RATE, -0.5, np.float32)
    notes = (Note(0.0, 0.5, 60.0),)
    example = Example.of_audio(low + high, RATE, "mix", "song", notes, stems=(low, high))
    np.testing.assert_array_equal(example.audio, low + high)
    np.testing.assert_array_equal(example.stems, np.stack([low, high]))
    assert (example.sample_rate, example.instrument, example.source) == (RATE, "mix", "song")
    assert (example.duration_s, example.notes) == (1.0, notes)


def test_audio_without_stems_has_no_rows_of_stems() -> None:
    assert Example.of_audio(np.zeros(8, np.float32), RATE, "oboe", "a.wav").stems.shape == (0, 8)


def test_video_has_a_frame_rate_and_labels_of_every_frame() -> None:
    heights = np.linspace(0.0, 1.0, 20)
    example = Example({"video": np.zeros((20, 3, 8, 8))}, 10.0, {"y": heights, "colour": "red"}, "ball-0")
    assert example.duration_s == 2.0
    assert example.instrument == ""
    assert example.labels["y"] is heights


def test_method_of_sound_gets_an_error_that_names_the_arrays_of_a_video() -> None:
    example = Example({"video": np.zeros((20, 3, 8, 8))}, 10.0, {}, "ball-0")
    with pytest.raises(DataError, match=r"'ball-0' has no array 'audio', only \['video'\]"):
        example.audio  # noqa: B018


@pytest.mark.parametrize(("arrays", "rate"), [({}, 1.0), ({"audio": np.zeros(1)}, 0.0)])
def test_example_without_arrays_or_rate_is_refused(arrays: dict[str, np.ndarray], rate: float) -> None:
    with pytest.raises(DataError, match="one array or more, and a rate above 0"):
        Example(arrays, rate, {}, "nothing")
