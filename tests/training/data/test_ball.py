"""The ball flies and bounces as physics says, and is drawn where it is."""

from __future__ import annotations

import numpy as np
import pytest

from latentfx.errors import RecipeError
from latentfx.training.data.load import load_data
from latentfx.training.data.sources.ball import bounce, draw, throw

GREEN = np.array([0.05, 0.9, 0.05])


def balls(**settings: object) -> dict[str, object]:
    return {"parts": [{"kind": "ball", "train": 4, "test": 3, **settings}]}


def greenest(frame: np.ndarray) -> tuple[float, float]:
    """Centre of what is greener than the background, row and column."""
    extra = np.clip(frame[1].astype(float) - frame[0], 0.0, None)
    rows, columns = np.indices(extra.shape)
    return float((rows * extra).sum() / extra.sum()), float((columns * extra).sum() / extra.sum())


def test_a_ball_that_is_let_go_falls_by_half_g_t_squared_until_it_lands() -> None:
    heights = bounce(20.0, 0.0, 10)
    times_s = 0.2 * np.arange(10)
    assert heights == pytest.approx(20.0 - 5.0 * times_s**2)


def test_each_bounce_keeps_81_percent_of_the_height() -> None:
    fine = np.array([bounce(1.0, speed, 40).max() for speed in (0.0, 3.0)])
    assert fine == pytest.approx([1.0, 1.45], abs=0.06)
    landed = bounce(0.0, 10.0, 200)
    tops = [landed[:11].max(), landed[11:20].max()]
    assert tops == pytest.approx([5.0, 0.81 * 5.0], abs=0.1)
    assert landed.min() >= 0.0
    assert landed[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_ball_moves_steadily_along_the_floor_from_one_of_the_boxes() -> None:
    for seed in range(20):
        places = throw(np.random.default_rng(seed), 20)
        steps = np.diff(places[:, [0, 2]], axis=0)
        assert np.ptp(steps, axis=0) == pytest.approx([0.0, 0.0], abs=1e-9)
        assert places[0, 1] == 1.0
        assert abs(places[0, 0]) <= 3.0
        assert 0.0 <= places[0, 2] <= 3.0


def test_a_ball_is_drawn_to_the_side_and_the_height_where_it_is_and_smaller_when_far() -> None:
    here = {name: draw(np.array(place), GREEN, 32) for name, place in PLACES.items()}
    row, column = greenest(here["middle"])
    assert column == pytest.approx(15.5, abs=0.1)
    assert greenest(here["right"])[1] > column + 3
    assert greenest(here["left"])[1] < column - 3
    assert greenest(here["high"])[0] < row - 3
    area = {name: (frame[1].astype(float) - frame[0] > 20).sum() for name, frame in here.items()}
    assert area["near"] > 1.5 * area["far"]


PLACES = {
    "middle": (0.0, 0.0, 3.0),
    "right": (1.5, 0.0, 3.0),
    "left": (-1.5, 0.0, 3.0),
    "high": (0.0, 1.5, 3.0),
    "near": (0.0, 0.0, 2.0),
    "far": (0.0, 0.0, 7.0),
}


def test_the_ball_is_lit_from_above_and_stands_before_a_grey_ground_with_black_lines() -> None:
    frame = draw(np.array([0.0, 0.0, 3.0]), GREEN, 320)
    rows, columns = np.nonzero(frame[1].astype(int) - frame[0] > 20)
    top, bottom = frame[1, rows.min() + 4, int(columns.mean())], frame[1, rows.max() - 4, int(columns.mean())]
    assert top > bottom
    assert np.all(frame[:, 0, 0] == 102)
    assert (frame.max(axis=0) == 0).mean() > 0.002


def test_two_runs_draw_the_same_videos_and_colours_are_drawn_for_each() -> None:
    first, again = (load_data(balls(colours="many", frames=5), 16_000, seed=1) for _ in range(2))
    for one, two in zip((*first.train, *first.validation), (*again.train, *again.validation), strict=True):
        assert np.array_equal(one.arrays["video"], two.arrays["video"])
    assert len({example.labels["red"] for example in first.train}) == 4
    assert first.train[0].arrays["video"].shape == (5, 3, 32, 32)
    plain = load_data(balls(frames=3, size=16), 16_000, seed=1)
    assert {example.labels["green"] for example in plain.validation} == {0.9}
    assert plain.train[0].arrays["video"].shape == (3, 3, 16, 16)


def test_a_size_that_does_not_divide_the_drawing_is_refused() -> None:
    with pytest.raises(RecipeError, match="divisors of 320"):
        load_data(balls(size=33), 16_000, seed=0)
