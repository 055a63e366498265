"""Other orders of the twelve pitch classes, reached by turning parts of the chromatic ring.

On the ring, T advances by a semitone. An arrangement keeps each class of pitch classes `k mod m` rigid, a
regular polygon, and turns it by whole steps; a rotation C, learnt as a second FiLMR, does the turning.

`fifths`: the two whole-tone scales, the odd one turned by half a turn; T then advances by a fifth. Coltrane's
tone circle (his drawing of 1967, in Yusef Lateef's "Repository") is this order, its scales on two radii.

`fourths`: the three diminished sevenths, turned by 0, 1 and 2 major thirds; T then advances by a fourth.

`coltrane`: the four major-third cycles (augmented triads). The one of D is moved by T and
the one of Eb back by T; then those of odd pitch classes are turned by two major thirds. Two T back now walk
Coltrane changes: C Eb7 Ab B7 E G7 C, and on the other six places D F7 Bb Db7 Gb A7 D.

Not every order is one. No rotation advances by a major third through all twelve, since 4 and 12 have a common
factor: it is T four times, and comes back after three notes. In the order 0 4 8, 1 5 9, 2 6 10, 3 7 11 the
steps are not of one size, and `polygons` finds no part larger than a note that moves as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from latentfx.errors import RecipeError, ShapeError
from latentfx.methods.oplas.filmr import FiLMR
from latentfx.methods.oplas.ring.metrics import RingStudy, measure_study
from latentfx.methods.oplas.ring.problem import RingProblem, covariance_weights, ring_objective
from latentfx.methods.oplas.toys.many_seeds import Watch, adamw_cosine, always, build_each, train_together

__all__ = [
    "ARRANGEMENTS",
    "Arranged",
    "Arrangement",
    "ArrangementConfig",
    "learn_arrangement",
    "polygons",
]

CLASSES = 12


@dataclass(frozen=True)
class Arrangement:
    """An order of the pitch classes round the ring, as rotations of parts of the chromatic one.

    Args:
        name: what players call it.
        order: pitch class at each place of the new ring.
        stepped: how many T (negative ones back) each pitch class is moved by.
        turned: how many C it is moved by, after that.
        degrees: what C turns by.
        walk: steps of T, on the new ring, that make one step of the walk it is named after.
    """

    name: str
    order: tuple[int, ...]
    stepped: tuple[int, ...]
    turned: tuple[int, ...]
    degrees: float
    walk: int = 1

    @property
    def turns(self) -> tuple[int, ...]:
        """Steps that each pitch class moves by in all, 0 to 11."""
        steps = round(self.degrees / 30.0)
        return tuple((t + c * steps) % CLASSES for t, c in zip(self.stepped, self.turned, strict=True))

    def walked(self, start: int) -> list[int]:
        """Pitch classes that the walk visits from one of them, until it comes back."""
        place = self.order.index(start)
        places = [place]
        while (place := (place + self.walk) % CLASSES) != places[0]:
            places.append(place)
        return [self.order[place] for place in places]


def polygons(order: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """State an order as rotations of as few parts of the chromatic ring as possible.

    Args:
        order: pitch class at each place.
    Returns:
        m, and by how many steps each class `k mod m` is turned. With m 12, every note moves alone: the order
        has no structure that a rotation could share.

    >>> polygons((0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5))
    (2, (0, 6))
    """
    if sorted(order) != list(range(CLASSES)):
        raise RecipeError(f"the order is {list(order)}; allowed each of 0 to 11 once")
    moved = [(order.index(pitch) - pitch) % CLASSES for pitch in range(CLASSES)]
    for count in (1, 2, 3, 4, 6, 12):
        if all(moved[pitch] == moved[pitch % count] for pitch in range(CLASSES)):
            break
    return count, tuple(moved[:count])


def _each(pattern: Sequence[int]) -> tuple[int, ...]:
    return tuple(pattern[pitch % len(pattern)] for pitch in range(CLASSES))


ARRANGEMENTS = MappingProxyType(
    {
        made.name: made
        for made in (
            Arrangement("fifths", (0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5), _each([0]), _each([0, 1]), 180.0),
            Arrangement(
                "fourths", (0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7), _each([0]), _each([0, 1, 2]), 120.0
            ),
            Arrangement(
                "coltrane",
                (0, 5, 7, 2, 4, 9, 11, 6, 8, 1, 3, 10),
                _each([0, 0, 1, -1]),
                _each([0, 1]),
                240.0,
                walk=-2,
            ),
        )
    }
)


@dataclass(frozen=True)
class ArrangementConfig:
    """How C is learnt.

    Args:
        decorrelation_steps: steps in which the covariance term counts.
        steps: of training.
        lr: peak of the rate. The two vectors of C start in any plane and have far to go.
    """

    decorrelation_steps: int = 500
    steps: int = 2000
    lr: float = 3e-2


class Arranged(nn.Module):
    """A trained ring, frozen, with a second FiLMR that learns to arrange it.

    Args:
        ring: the ring; its points and its T are copied.
        arrangement: the order that is wanted.
    Raises:
        ShapeError: the ring has not twelve points.
    """

    chromatic: Tensor
    order: Tensor
    stepped: Tensor
    turned: Tensor

    def __init__(self, ring: RingProblem, arrangement: Arrangement) -> None:
        super().__init__()
        if len(ring.line) != CLASSES:
            raise ShapeError(f"a ring of {len(ring.line)} points; an arrangement takes {CLASSES}")
        with torch.no_grad():
            self.register_buffer("chromatic", ring.points()[0])
        self.step = FiLMR(self.chromatic.shape[1])
        self.step.load_state_dict(ring.operator.state_dict())
        self.step.requires_grad_(False)
        self.operator = FiLMR(self.chromatic.shape[1])
        self.most = max(arrangement.turned)
        self.register_buffer("order", torch.tensor(arrangement.order))
        self.register_buffer("stepped", torch.tensor(arrangement.stepped, dtype=torch.float32))
        self.register_buffer("turned", torch.tensor(arrangement.turned)[:, None])

    def points(self) -> tuple[Tensor, Tensor]:
        """Points in the new order, and where T takes them.

        Shape:
            -> [12, D], [12, D]
        """
        z = self.step.turn(self.chromatic, self.stepped)
        for done in range(self.most):
            z = torch.where(self.turned > done, self.operator(z), z)
        z = z[self.order]
        return z, self.step(z)

    def forward(self, decorrelate: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and points in the new order.

        Shape:
            decorrelate [] -> [], [12, D]
        """
        z, advanced = self.points()
        return ring_objective(z, advanced, decorrelate), z


def learn_arrangement(
    rings: Sequence[RingProblem],
    arrangement: Arrangement,
    seeds: Sequence[int],
    config: ArrangementConfig = ArrangementConfig(),
    watch: Watch = always,
) -> tuple[list[Arranged], RingStudy]:
    """Learn C for several rings at once, each from a seed of its own."""
    waiting = iter(rings)
    models = build_each(lambda: Arranged(next(waiting), arrangement), seeds)
    start = [model.operator.angles() for model in models]
    batches = covariance_weights(config.decorrelation_steps, len(seeds))
    trained = train_together(
        models, seeds, adamw_cosine(config.lr), config.steps, batches=batches, watch=watch
    )
    return models, measure_study(models, seeds, start, trained)
