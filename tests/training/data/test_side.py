"""Sides that make their examples when they are read."""

from __future__ import annotations

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data import Example
from latentfx.training.data.side import Group, Outline, Side, joined, outlines


class Counted:
    """A group of examples of one value, which counts how often it was made."""

    def __init__(self, value: int, number: int) -> None:
        self.value, self.number, self.made = value, number, 0
        self.group = Group([Outline(str(value), "oboe", 0.5)] * number, self.make)

    def make(self) -> list[Example]:
        self.made += 1
        audio = np.full(4, self.value, dtype=np.float32)
        return [Example.of_audio(audio, 8, "oboe", str(self.value)) for _ in range(self.number)]


def values(side: Side) -> list[int]:
    return [int(example.audio[0]) for example in side]


def test_reading_in_order_makes_each_group_once() -> None:
    groups = [Counted(1, 2), Counted(2, 3), Counted(3, 1)]
    side = Side(counted.group for counted in groups)
    assert [counted.made for counted in groups] == [0, 0, 0]
    assert values(side) == [1, 1, 2, 2, 2, 3]
    assert [counted.made for counted in groups] == [1, 1, 1]


def test_examples_are_found_by_number_from_either_end_and_by_slice() -> None:
    side = Side([Counted(1, 2).group, Group([], list), Counted(2, 3).group])
    assert [int(side[i].audio[0]) for i in (0, 1, 2, -1)] == [1, 1, 2, 2]
    assert [int(example.audio[0]) for example in side[1:4]] == [1, 2, 2]
    with pytest.raises(IndexError, match="example 5 of 5"):
        side[5]


def test_outlines_are_known_without_making_an_example() -> None:
    counted = Counted(1, 2)
    assert outlines(Side([counted.group])) == [Outline("1", "oboe", 0.5)] * 2
    assert counted.made == 0
    assert outlines(counted.make()) == [Outline("1", "oboe", 0.5)] * 2


def test_sides_of_several_sources_are_joined_in_order() -> None:
    assert values(joined([Side([Counted(1, 1).group]), Counted(2, 2).make()])) == [1, 2, 2]


def test_data_that_changes_while_it_is_read_is_refused() -> None:
    group = Group([Outline("a.wav", "oboe", 0.5)] * 3, Counted(1, 2).make)
    with pytest.raises(DataError, match=r"a\.wav gave 3 examples at first and 2 now"):
        Side([group])[0]
