"""Swaps in every direction: octaves, and figures over all of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.training.evaluations.swap.pairs import (
    Direction,
    as_if_played,
    level_db,
    named_together,
    octave_into,
    summary,
    voiced_pitches,
)
from latentfx.training.evaluations.swap.swap import Phrase, TimbreScore, clip_distance, evaluate_swap
from latentfx.training.judges.classifier import Classifier
from latentfx.training.metrics.pitch import track_pitch

Float32 = NDArray[np.float32]
RATE = 16_000


def sine(f0_hz: float, seconds: float = 1.0, gain: float = 0.1) -> Float32:
    return np.asarray(gain * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def phrase(f0_hz: float) -> Phrase:
    audio = sine(f0_hz)
    return Phrase(audio, RATE, track_pitch(audio, RATE), 0.0)


def score(timbre: str, distance: float = 1.0, accuracy: float = 0.9, **predicted: int) -> TimbreScore:
    clips = sum(predicted.values())
    named = predicted.get(timbre, 0) / max(1, clips)
    return TimbreScore(timbre, clips, 100, accuracy, 1.0, named, 0.0, predicted, 0.0, accuracy, distance)


def test_a_line_goes_to_the_octave_in_which_most_of_it_can_be_played() -> None:
    assert octave_into([60.0, 64.0, 67.0], 55, 96) == 0
    assert octave_into([40.0, 44.0, 47.0], 50, 92) == 12
    assert octave_into([84.0, 88.0, 60.0], 36, 76) == -12
    assert octave_into([44.0, 94.0], 50, 86) == -12, "of equals the first"
    assert octave_into([20.0], 60, 96) == 0, "no octave helps"


def test_a_line_played_an_octave_lower_is_held_against_that_octave(classifier: Classifier) -> None:
    low = as_if_played(phrase(440.0), -12)
    np.testing.assert_allclose(voiced_pitches([phrase(440.0)]), 69.0, atol=0.2)
    np.testing.assert_allclose(voiced_pitches([low]), 57.0, atol=0.2)

    def octave_down(audio: Float32, rate: int, timbre: str) -> Float32:
        return sine(220.0)

    found = [
        evaluate_swap(octave_down, [line], ["pure"], classifier).scores[0] for line in (phrase(440.0), low)
    ]
    assert found[0].pitch_accuracy < 0.1
    assert found[1].pitch_accuracy > 0.95


def test_swaps_of_all_directions_are_counted_together() -> None:
    scores = [score("a", a=3, b=1), score("a", a=4), score("b", b=2, c=2)]
    together = named_together(("a", "b", "c"), scores)
    assert together.confusion.tolist() == [[7, 1, 0], [0, 2, 2], [0, 0, 0]]
    assert together.f1["a"] == pytest.approx(14 / 15)
    assert together.f1["b"] == pytest.approx(4 / 7)
    with pytest.raises(DataError, match="two instruments or more"):
        named_together(("a", "b"), [])


def test_a_summary_gives_each_direction_the_same_weight_and_shows_the_worst() -> None:
    far = Direction("a", "b", 0, score("b", 9.0, 0.5, b=1), 3.0)
    near = Direction("b", "a", 0, score("a", 3.0, 0.9, a=10), 2.0)
    nearer = Direction("c", "a", -12, score("a", 1.0, 1.0, a=5, b=5), 1.0)
    assert [direction.ratio for direction in (far, near)] == [3.0, 1.5]
    found = summary([far, near, nearer])
    assert found["pitch_accuracy"] == pytest.approx(0.8)
    assert found["named"] == pytest.approx(2.5 / 3)
    assert (found["pitch_accuracy_worst"], found["ratio"], found["ratio_worst"]) == (0.5, 1.5, 3.0)
    assert np.isnan(found["player_ratio"])


def test_the_ratio_of_the_instrument_itself_counts_where_its_lines_are_known() -> None:
    known = [
        Direction("a", "b", 0, score("b", 9.0, 0.5, b=1), 3.0, player) for player in (None, 3.0, 6.0, 4.5)
    ]
    assert [direction.player_ratio for direction in known] == [None, 1.0, 2.0, 1.5]
    assert (summary(known)["player_ratio"], summary(known)["player_ratio_worst"]) == (1.5, 2.0)
    assert summary(known)["over_player"] == pytest.approx(2.0)


def test_levels_end_at_a_floor() -> None:
    assert level_db(sine(440.0, gain=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert level_db(np.zeros(100)) == -200.0


def test_clips_of_one_instrument_are_nearer_than_those_of_another(classifier: Classifier) -> None:
    low, high, noise = ([sine(f0) for f0 in span] for span in ((220.0, 330.0), (247.0, 349.0), ()))
    rough = [sine(f0) + 0.05 * np.sign(sine(f0)) for f0 in (220.0, 330.0)]
    assert clip_distance(classifier, low, high, RATE) < 0.5 * clip_distance(classifier, low, rough, RATE)
    assert np.isnan(clip_distance(classifier, noise, low, RATE))
