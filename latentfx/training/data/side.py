"""The examples of one side of a data set, in groups that may be made only when they are asked for."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from latentfx.errors import DataError
from latentfx.training.data.example import Example

Make = Callable[[], Sequence[Example]]


@dataclass(frozen=True)
class Outline:
    """What is known of an example before it is made: where it comes from, its instrument, its length."""

    source: str
    instrument: str
    duration_s: float

    @classmethod
    def of(cls, example: Example) -> Outline:
        """The outline of an example that is there."""
        return cls(example.source, example.instrument, example.duration_s)


@dataclass(frozen=True, eq=False)
class Group:
    """Examples that are made together: those of one recording, or of one generated instrument.

    Args:
        outlines: of each example, in order.
        make: makes them; the same ones, bit for bit, each time.
    """

    outlines: Sequence[Outline]
    make: Make


class Side(Sequence[Example]):
    """The examples of groups, one after another. The group that was read last stays in memory, no other.

    Read the examples in order: each group is then made once.

    Args:
        groups: in order.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = [group for group in groups if group.outlines]
        self._ends = list(itertools.accumulate(len(group.outlines) for group in self._groups))
        self._held: tuple[int, Sequence[Example]] | None = None

    @property
    def groups(self) -> Sequence[Group]:
        """The groups that hold an example or more."""
        return self._groups

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Example, ...]: ...
    def __getitem__(self, index: int | slice) -> Example | tuple[Example, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        number = bisect_right(self._ends, position)
        first = self._ends[number] - len(self._groups[number].outlines)
        return self._made(number)[position - first]

    def _made(self, number: int) -> Sequence[Example]:
        if self._held is None or self._held[0] != number:
            self._held = None  # before the next group is made, so that there are never two
            group = self._groups[number]
            examples = group.make()
            if len(examples) != len(group.outlines):
                raise DataError(
                    f"{group.outlines[0].source} gave {len(group.outlines)} examples at first and "
                    f"{len(examples)} now; do not change the data while it is read"
                )
            self._held = number, examples
        return self._held[1]


def outlines(examples: Sequence[Example]) -> list[Outline]:
    """The outlines of examples; those of a `Side` are known without making an example."""
    if isinstance(examples, Side):
        return [outline for group in examples.groups for outline in group.outlines]
    return [Outline.of(example) for example in examples]


def joined(sides: Iterable[Sequence[Example]]) -> Side:
    """One side out of several."""
    groups: list[Group] = []
    for side in sides:
        groups += side.groups if isinstance(side, Side) else [_kept(side)]
    return Side(groups)


def _kept(examples: Sequence[Example]) -> Group:
    return Group(outlines(examples), lambda: examples)
