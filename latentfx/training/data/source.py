"""What a source of data is: settings, their limits, and what makes the examples of both sides."""

from __future__ import annotations

import glob
import json
import shlex
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data.example import Example
from latentfx.training.data.places import resolve_path
from latentfx.training.data.side import Group, Make, Outline

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is to do."""


def silent(text: str, done: int, total: int) -> None:
    """The `Progress` that shows nothing."""


@dataclass(frozen=True)
class Job:
    """What a source needs to know of the recipe that it makes examples for.

    Args:
        kind: what the recipe calls the source.
        index: place of the part in the recipe.
        instruments: names, in the order in which models number them.
        validation: share that is kept for validation.
        sample_rate: of the examples, Hz.
        seed: of everything that is drawn at random.
        data_root: what relative paths count from; None for LATENTFX_DATA or the current folder.
        in_memory: whether all examples are made now and kept; otherwise they are made when they are read.
        progress: is told what is being done.
        notes: lines for the user, filled by the sources.
    """

    kind: str
    index: int
    instruments: tuple[str, ...]
    validation: float
    sample_rate: int
    seed: int
    data_root: Path | None = None
    in_memory: bool = True
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)

    def rng(self, *names: str) -> np.random.Generator:
        """A generator of random numbers of its own for each name, the same on every run."""
        return self.shared_rng(str(self.index), *names)

    def shared_rng(self, *names: str) -> np.random.Generator:
        """The same for every part of the recipe: what is held out of one part is held out of all."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(names).encode())])

    def path(self, part_path: str, name: str) -> Path:
        """The place of a path of the part on this machine.

        Raises:
            DataError: nothing is there; the message names the setting.
        """
        return resolve_path(part_path, self.data_root, f"data.parts[{self.index}].{name}")

    def note(self, text: str) -> None:
        """Tell the user something about the data: a file that was passed over, and why."""
        self.notes.append(f"data.parts[{self.index}]: {text}")

    def refuse(self, unusable: Mapping[str, str], excluded: Sequence[str]) -> DataError:
        """The error for recordings that cannot be used: every one, and the setting that leaves them out.

        Args:
            unusable: name of each recording -> why.
            excluded: what the part leaves out already.
        """
        names = json.dumps([*excluded, *map(glob.escape, unusable)], ensure_ascii=False)
        setting = shlex.quote(f"data.parts[{self.index}].exclude={names}")
        lines = [f"{len(unusable)} of the recordings cannot be used:", *unusable.values()]
        lines.append(f"replace them, or leave them out: --set {setting}")
        return DataError("\n".join([*self.notes, *lines]))

    def group(self, make: Make, known: Sequence[Outline] | None = None) -> Group:
        """Examples that are made together: now, or when they are read.

        Args:
            make: makes them, the same ones each time.
            known: their outlines; without them the examples are made once to learn them.
        """
        if known is not None and not self.in_memory:
            return Group(known, make)
        examples = tuple(make())
        found = tuple(Outline.of(example) for example in examples)
        return Group(found, (lambda: examples) if self.in_memory else make)


@dataclass(frozen=True)
class Made:
    """What a source makes: the examples of each side, any sequence of them, and facts for the data card."""

    train: Sequence[Example]
    validation: Sequence[Example]
    facts: Mapping[str, object] = field(default_factory=dict)


class DataSource(ABC):
    """A kind of data: a frozen dataclass whose fields are the settings of a `[[data.parts]]` table.

    A source of one's own is such a class in a file beside the recipe, which names it:
    `kind = "my_source.py:Kites"`.
    """

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Lowest and highest value of each setting that is a number."""
    by_instrument: ClassVar[bool] = True
    """Whether it makes examples of the instruments that the recipe names; otherwise it needs no such list."""

    @abstractmethod
    def make(self, job: Job) -> Made:
        """Make the examples of both sides: the same ones for the same settings and job.

        Raises:
            DataError: data that is missing or unusable.
        """
