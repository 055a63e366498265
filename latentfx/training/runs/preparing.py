"""From examples to features, in memory or on disk, with a word on how far it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload

import torch
from torch import Tensor

from latentfx.errors import CheckpointError
from latentfx.files import safe_name
from latentfx.methods.base import AnyExample, Features, Objective
from latentfx.methods.cache import DiskFeatures, features_on_disk, map_frames
from latentfx.training.runs.checkpoint import read_tensors, write_tensors
from latentfx.training.runs.fingerprint import as_tensor, mark
from latentfx.training.runs.watch import Watch

INDEX = "features.safetensors"
TRAIN, VALIDATION = "features", "validation features"


class AnyDataset(Protocol):
    """Examples to train on, examples of other recordings to validate on, and the card that describes them."""

    @property
    def train(self) -> Sequence[AnyExample]: ...
    @property
    def validation(self) -> Sequence[AnyExample]: ...
    @property
    def card(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, eq=False)
class PreparedSide:
    """Features of one side of the data.

    Args:
        features: of all examples.
        instruments: of the examples, in order.
        marks: of the examples, in order: what `check_same` tells data apart by.
    """

    features: Features
    instruments: Sequence[str]
    marks: Tensor


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a run trains on: features of both sides, and the card of the data."""

    train: PreparedSide
    validation: PreparedSide
    card: Mapping[str, object]

    @property
    def marks(self) -> dict[str, Tensor]:
        """Side of the data -> the marks of its examples."""
        return {"training": self.train.marks, "validation": self.validation.marks}


class Watched(Sequence[AnyExample]):
    """Examples that tell when one is read, and note its instrument and its mark.

    Args:
        examples: may be made when they are read.
        name: what is made of them.
        watch: is told how many were read.
    """

    def __init__(self, examples: Sequence[AnyExample], name: str, watch: Watch) -> None:
        self._examples, self._name, self._watch = examples, name, watch
        self.instruments: dict[int, str] = {}
        self.marks: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> AnyExample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[AnyExample]: ...
    def __getitem__(self, index: int | slice) -> AnyExample | Sequence[AnyExample]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        example = self._examples[index]
        if index not in self.instruments:
            self.instruments[index] = example.instrument
            self.marks[index] = mark(example)
            self._watch(self._name, len(self.instruments), len(self))
        return example


class Preparer:
    """Lets an objective make the features of a run.

    Args:
        objective: it may set its statistics while it prepares.
        watch: is told of every example, and may end the work.
    """

    def __init__(self, objective: Objective, watch: Watch) -> None:
        self._objective, self._watch = objective, watch

    def in_memory(self, data: AnyDataset) -> Prepared:
        """Make features and hold them in memory."""
        train = self._make(TRAIN, data.train)
        return Prepared(train, self._make(VALIDATION, data.validation), data.card)

    def on_disk(self, data: AnyDataset, folder: Path, settings: Mapping[str, Any], resumes: bool) -> Prepared:
        """Make features and write them to files; take those of an earlier call where a run goes on.

        Args:
            data: both sides.
            folder: where the files go.
            settings: of the run; files of other settings are made again.
            resumes: whether the objective gets its statistics from a saved state.
        """
        sides = []
        for name, examples in ((TRAIN, data.train), (VALIDATION, data.validation)):
            place = _place(folder, name)
            found = _open(place, settings) if resumes else None
            sides.append(found or self._write(name, examples, place, settings))
        return Prepared(sides[0], sides[1], data.card)

    def shared(self, folder: Path, settings: Mapping[str, Any]) -> tuple[PreparedSide, PreparedSide] | None:
        """The files that another process has written; None where they are not whole."""
        found = [_open(_place(folder, name), settings) for name in (TRAIN, VALIDATION)]
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def _write(
        self, name: str, examples: Sequence[AnyExample], folder: Path, settings: Mapping[str, Any]
    ) -> PreparedSide:
        shutil.rmtree(folder, ignore_errors=True)
        with features_on_disk(folder):
            made = self._make(name, examples)
        if isinstance(made.features, DiskFeatures):
            more = {"settings": dict(settings), "instruments": list(made.instruments)}
            _close(folder, made.features, made.marks, more)
        return made

    def _make(self, name: str, examples: Sequence[AnyExample]) -> PreparedSide:
        watched = Watched(examples, name, self._watch)
        features = self._objective.prepare(watched)
        count = len(examples)
        instruments = [watched.instruments.get(at, "") for at in range(count)]
        return PreparedSide(features, instruments, as_tensor(watched.marks, count))


def _place(folder: Path, side: str) -> Path:
    return folder / safe_name(side).replace(" ", "-")


def _close(folder: Path, features: DiskFeatures, marks: Tensor, more: Mapping[str, Any]) -> None:
    """Write what the files of frames do not hold. This file comes last: with it, the folder is whole."""
    tensors: dict[str, Tensor] = {"lengths": features.lengths, "marks": marks}
    tensors.update({f"clips.{name}": value for name, value in features.clips.items()})
    if features.weights is not None:
        tensors["weights"] = features.weights
    kinds = {name: [str(v.dtype).removeprefix("torch."), *v.shape[1:]] for name, v in features.frames.items()}
    write_tensors(folder / INDEX, tensors, {"frames": kinds, **more})


def _open(folder: Path, settings: Mapping[str, Any]) -> PreparedSide | None:
    """Features that `_close` completed, or None where they are other ones, or not whole."""
    if not (folder / INDEX).exists():
        return None
    try:
        tensors, header = read_tensors(folder / INDEX)
        if header["settings"] != dict(settings):
            return None
        frames = {
            name: map_frames(folder / f"{name}.frames", getattr(torch, dtype), shape)
            for name, (dtype, *shape) in header["frames"].items()
        }
        clips = {n.removeprefix("clips."): t for n, t in tensors.items() if n.startswith("clips.")}
        features = DiskFeatures(frames, tensors["lengths"], clips, tensors.get("weights"))
        return PreparedSide(features, header["instruments"], tensors["marks"])
    except (CheckpointError, OSError, KeyError, ValueError, RuntimeError):
        return None
