"""Orders of the pitch classes: that they are rotations of parts of the ring, and that C learns them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from latentfx.errors import RecipeError, ShapeError
from latentfx.methods.oplas.filmr import rotation_angle
from latentfx.methods.oplas.ring.metrics import RingStudy, measure_ring
from latentfx.methods.oplas.ring.problem import RingConfig, RingProblem, train_rings
from latentfx.methods.oplas.toys.arrangements import (
    ARRANGEMENTS,
    Arranged,
    Arrangement,
    ArrangementConfig,
    learn_arrangement,
    polygons,
)
from latentfx.methods.oplas.toys.many_seeds import build_each

FIRST, SECOND = (math.cos(math.radians(15.0)), math.sin(math.radians(15.0))), (1.0, 0.0)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def learnt(one_thread: None) -> tuple[list[RingProblem], RingStudy]:
    config = RingConfig(size=8, hidden=32, steps=300, decorrelation_steps=80, lr=8e-3)
    return train_rings(config, range(2))


class ExactRing(RingProblem):
    """A ring as it should be, in the first two of four dimensions."""

    def __init__(self) -> None:
        super().__init__(RingConfig(size=4))
        angles = torch.arange(12) * math.pi / 6.0
        self.exact = torch.stack([angles.cos(), angles.sin(), 0.0 * angles, 0.0 * angles], 1)
        with torch.no_grad():
            self.operator.beta.zero_()
            self.operator.u.copy_(torch.tensor([[*FIRST, 0.0, 0.0]]))
            self.operator.v.copy_(torch.tensor([[*SECOND, 0.0, 0.0]]))

    def points(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.exact, self.operator(self.exact)


def arranged(arrangement: Arrangement) -> Arranged:
    """An exact ring with the C that the arrangement states."""
    model = Arranged(ExactRing(), arrangement)
    half = math.radians(arrangement.degrees / 2.0)
    with torch.no_grad():
        model.operator.beta.zero_()
        model.operator.u.copy_(torch.tensor([[math.cos(half), math.sin(half), 0.0, 0.0]]))
        model.operator.v.copy_(torch.tensor([[*SECOND, 0.0, 0.0]]))
    return model


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_stated_rotations_give_the_order_and_t_advances_along_it(name: str) -> None:
    arrangement = ARRANGEMENTS[name]
    for pitch, turn in enumerate(arrangement.turns):
        assert arrangement.order[(pitch + turn) % 12] == pitch
    count, turns = polygons(arrangement.order)
    assert turns * (12 // count) == arrangement.turns
    model = arranged(arrangement)
    torch.testing.assert_close(
        model.points()[0], model.chromatic, atol=1e-5, rtol=0
    )  # places stay, notes move
    found = measure_ring(*(points.detach() for points in model.points()))
    assert found.relative_error < 1e-5
    assert abs(found.winding) == 1
    wrong = Arrangement(name, arrangement.order[::-1], arrangement.stepped, arrangement.turned, 90.0)
    assert measure_ring(*(points.detach() for points in arranged(wrong).points())).relative_error > 0.3


def test_walks_are_what_musicians_call_them() -> None:
    fifths, fourths, coltrane = (ARRANGEMENTS[name] for name in ("fifths", "fourths", "coltrane"))
    assert fifths.walked(0) == [7 * place % 12 for place in range(12)]
    assert fourths.walked(0) == [5 * place % 12 for place in range(12)]
    assert coltrane.walked(0) == [0, 3, 8, 11, 4, 7]  # C Eb7 Ab B7 E G7
    assert coltrane.walked(2) == [2, 5, 10, 1, 6, 9]
    for start in (0, 2):
        walk = [*coltrane.walked(start), start]
        assert [(b - a) % 12 for a, b in pairwise(walk)] == [3, 5] * 3
    assert polygons(fifths.order)[0] == 2  # whole-tone scales
    assert polygons(fourths.order)[0] == 3  # diminished sevenths
    assert polygons(coltrane.order)[0] == 4  # augmented triads


def test_major_thirds_in_a_row_are_no_rotation_of_parts() -> None:
    assert polygons((0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11))[0] == 12
    assert polygons(tuple((pitch + 5) % 12 for pitch in range(12))) == (1, (7,))
    with pytest.raises(RecipeError, match="allowed each of 0 to 11 once"):
        polygons((0, 4, 8) * 4)


def test_the_ring_in_many_dimensions_finds_its_angle(learnt: tuple[list[RingProblem], RingStudy]) -> None:
    rings, study = learnt
    assert study.success_rate == 1.0
    assert study.simple_rate == 1.0
    assert study.final_deg == pytest.approx([30.0, 30.0], abs=1.0)
    assert abs(study.start_deg[0] - 30.0) > 1.0
    assert all(ring.explained > 0.98 for ring in study.metrics)
    assert rings[0].operator.u.requires_grad


def test_c_learns_the_circle_of_fifths_and_leaves_the_ring_alone(
    learnt: tuple[list[RingProblem], RingStudy],
) -> None:
    rings, _ = learnt
    before = {name: value.clone() for name, value in rings[0].state_dict().items()}
    config = ArrangementConfig(steps=250, decorrelation_steps=60, lr=3e-2)
    models, study = learn_arrangement([rings[0]] * 2, ARRANGEMENTS["fifths"], [0, 4], config)
    torch.testing.assert_close(rings[0].state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close(models[0].step.state_dict(), rings[0].operator.state_dict(), rtol=0, atol=0)
    assert study.success_rate == 1.0
    assert study.final_deg == pytest.approx([180.0, 180.0], abs=4.0)
    (untrained,) = build_each(lambda: Arranged(rings[0], ARRANGEMENTS["fifths"]), [0])
    assert not measure_ring(*(points.detach() for points in untrained.points())).succeeded
    model = models[0]
    assert float(rotation_angle(model.step.u[0], model.step.v[0]).detach()) < math.pi / 3.0


def test_only_a_ring_of_twelve_is_arranged() -> None:
    with pytest.raises(ShapeError, match="a ring of 10 points; an arrangement takes 12"):
        Arranged(RingProblem(RingConfig(size=4, points=10)), ARRANGEMENTS["fifths"])
    with pytest.raises(RecipeError, match="a ring of 2 points; allowed 3 or more"):
        RingProblem(RingConfig(points=2))
