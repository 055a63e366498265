"""What an evaluation is: the protocol of a paper, which judges trained models and writes one table.

A method names its evaluation in `latentfx.training.catalogue`. To add one, derive a class from `Evaluation`
in a folder beside this file, make an instance of it, and name that instance in the catalogue.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentfx.files import write_text
from latentfx.methods.base import Objective
from latentfx.training.data.example import Dataset

TABLE, FIGURES = "evaluation.md", "evaluation.json"


class Steps(Protocol):
    """Shows how far one job is."""

    def show(self, done: int, total: int) -> None: ...


Watch = Callable[[str], AbstractContextManager[Steps]]


class Unwatched:
    """Shows nothing."""

    def show(self, done: int, total: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Listener:
    """Who is told how an evaluation goes; nobody by default.

    Args:
        watch: opens a progress bar with a title.
        say: prints a line.
    """

    watch: Watch = lambda title: nullcontext(Unwatched())
    say: Callable[[str], None] = lambda line: None


class AnyPlugin(Protocol):
    """What an evaluation uses of a loaded plugin (`latentfx.load`)."""

    @property
    def sample_rate(self) -> int: ...
    def listen(self, name: str, audio: ArrayLike, sample_rate: float) -> NDArray[np.float32]: ...
    def recall(self, name: str, value: ArrayLike) -> None: ...
    def __call__(self, audio: ArrayLike, sample_rate: float) -> NDArray[np.float32]: ...


Encode = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""Audio [T] at a plugin's rate -> its factors by name, each [N, D], with every control at its default."""


@dataclass(frozen=True)
class Origin:
    """The [data] table of a recipe, and the seed that its data is made with.

    Args:
        data: the table.
        seed: of its data.
        code_folder: folder that sources of data of one's own lie in; None trusts no code outside latentfx.
    """

    data: Mapping[str, Any]
    seed: int
    code_folder: Path | None = None


@dataclass(frozen=True)
class Model:
    """A model to judge.

    Args:
        name: in table and file names.
        trained: an objective in evaluation mode, or a plugin.
        evaluation: that of its method; None where the method has none.
        origin: what it was trained on, where that is known.
        settings: the [evaluation] table of its recipe, without `name`.
        notes: what readers of the table must know of it.
        encode: of a plugin whose model can be read from its file; None of an objective.
    """

    name: str
    trained: Objective | AnyPlugin
    evaluation: Evaluation | None = None
    origin: Origin | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    encode: Encode | None = None


@dataclass(frozen=True)
class Material:
    """What models are judged on.

    Args:
        clips: validation examples to judge, and the training examples beside them.
        origin: the recipe's data that they were made of.
    """

    clips: Dataset
    origin: Origin


class Table(Protocol):
    """What an evaluation found."""

    def to_markdown(self) -> str:
        """As tables for people."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""


class Evaluation(ABC):
    """The protocol of a paper.

    `name` is that of the evaluation: models whose evaluations share a name may stand in one table.
    `settings_type` is a frozen dataclass; recipes set its fields in [evaluation], and the command line with
    `--set evaluation.KEY=VALUE`. With `reads_once` it reads the examples in order, once, so that none of them
    has to stay in memory.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type]
    reads_once: ClassVar[bool] = False

    def sample_rate(self, models: Sequence[Model]) -> int:
        """Rate of the examples that it wants, Hz: the highest of the models' rates, unless overridden."""
        return max(model.trained.sample_rate for model in models)

    @abstractmethod
    def run(
        self, models: Sequence[Model], material: Material, out: Path, settings: Any, listener: Listener
    ) -> Table:
        """Judge models on the same examples, and write the table and pictures into a folder.

        Args:
            models: with different names.
            material: what they are judged on.
            out: folder, made where absent; `write_table` writes the table into it.
            settings: an instance of `settings_type`.
            listener: is told how it goes.
        Raises:
            DataError: examples that cannot be judged.
            CheckpointError: a model that this evaluation cannot judge.
        """


def write_table(out: Path, table: Table) -> None:
    """Write `evaluation.md` and `evaluation.json` into a folder, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / TABLE, table.to_markdown() + "\n")
    write_text(out / FIGURES, json.dumps(table.to_dict(), indent=2, allow_nan=False) + "\n")
