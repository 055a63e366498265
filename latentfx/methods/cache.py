"""Features of all examples of a set, end to end in one tensor, from which random crops are gathered.

The tensors are in memory (`FeatureCache`), or files that are mapped into it (`DiskFeatures`): the same crops,
bit for bit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import torch
from torch import Tensor

from latentfx.errors import DataError, ShapeError

_FOLDER: ContextVar[Path | None] = ContextVar("folder of features", default=None)


@dataclass(frozen=True)
class FeatureCache:
    """Frame features of every example, joined along time, and features that an example has once.

    Args:
        frames: name -> values for every frame of every example, in order; float16 halves the memory, crops
            come as float32.
        lengths: frames in each example.
        clips: name -> values for every example (an instrument's number, say).
        weights: how often each example is drawn, up to a factor; None draws every frame equally often.
    Shape:
        frames [sum(lengths), ...], lengths [K], clips [K, ...], weights [K]
    Raises:
        ShapeError: the sizes do not fit together.
    """

    frames: Mapping[str, Tensor]
    lengths: Tensor
    clips: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        total, count = int(self.lengths.sum()), len(self.lengths)
        for name, value in self.frames.items():
            if len(value) != total:
                raise ShapeError(f"frame feature {name!r} has {len(value)} frames; the clips have {total}")
        extra = {} if self.weights is None else {"weights": self.weights}
        for name, value in {**self.clips, **extra}.items():
            if len(value) != count:
                raise ShapeError(f"clip feature {name!r} has {len(value)} rows; there are {count} clips")

    @staticmethod
    def join(
        frames: Iterable[Mapping[str, Tensor]],
        clips: Mapping[str, Tensor] | None = None,
        weights: Tensor | None = None,
    ) -> FeatureCache:
        """Join the frame features of single examples, in memory or where `features_on_disk` says.

        Args:
            frames: of each example. A generator is read one example at a time, so that features on disk
                never need more memory than one example.
            clips: features that an example has once, for all examples.
            weights: how often each example is drawn.
        Shape:
            each value of frames[k] [N_k, ...]
        Raises:
            DataError: no example at all.
            ShapeError: two features of one example differ in length.
        """
        folder = _FOLDER.get()
        lengths: list[int] = []
        counted = _counted(frames, lengths)
        if folder is None:
            joined = _joined(counted)
            _check_any(lengths)
            return FeatureCache(joined, torch.tensor(lengths), clips or {}, weights)
        mapped = _written(folder, counted)
        _check_any(lengths)
        return DiskFeatures(mapped, torch.tensor(lengths), clips or {}, weights)

    def to(self, device: torch.device) -> Self:
        """Move the features to a device; the lengths and weights stay where the drawing happens."""
        frames = {name: value.to(device) for name, value in self.frames.items()}
        clips = {name: value.to(device) for name, value in self.clips.items()}
        return dataclasses.replace(self, frames=frames, clips=clips)

    def crop(self, clip: Tensor, start: Tensor, length: int) -> dict[str, Tensor]:
        """Gather one crop of `length` frames from each given example.

        Args:
            clip: which example; may repeat.
            start: first frame inside that example; start + length must not pass its end.
            length: frames.
        Shape:
            clip [B], start [B] -> frame features [B, length, ...] as float32 where they are floating,
            clip features [B, ...], and `clip` [B] itself
        """
        begin = torch.cumsum(self.lengths, 0) - self.lengths
        index = (begin[clip] + start)[:, None] + torch.arange(length)
        batch = {name: _gather(value, index) for name, value in self.frames.items()}
        for name, value in self.clips.items():
            batch[name] = value[clip.to(value.device)]
        batch["clip"] = clip
        return batch


class DiskFeatures(FeatureCache):
    """Features whose frames are files, mapped into memory: only the pages that crops touch are read."""

    def to(self, device: torch.device) -> Self:
        """Nothing moves: crops are gathered from disk, and each batch travels by itself."""
        return self


@contextmanager
def features_on_disk(folder: Path) -> Iterator[None]:
    """Let `FeatureCache.join` write frames into files of a folder, while this is entered.

    Args:
        folder: made where absent; one `NAME.frames` a feature, what stood there is replaced.
    """
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def _check_any(lengths: Sequence[int]) -> None:
    if not lengths:
        raise DataError("there are no clips to make features from")


def _counted(frames: Iterable[Mapping[str, Tensor]], lengths: list[int]) -> Iterator[Mapping[str, Tensor]]:
    """Pass features through, and note their lengths."""
    for position, features in enumerate(frames):
        sizes = {name: len(value) for name, value in features.items()}
        if len(set(sizes.values())) != 1:
            raise ShapeError(f"clip {position} has features of different lengths: {sizes}")
        lengths.append(next(iter(sizes.values())))
        yield features


class _Growing:
    """Rows of one feature, appended to one piece of memory that doubles when it is full.

    Small tensors that are kept while large ones come and go leave holes between them: a list of 32,000 mel
    images took five times the memory of its values.
    """

    def __init__(self, first: Tensor) -> None:
        self._room, self._used = torch.empty_like(first, memory_format=torch.contiguous_format), 0

    def add(self, rows: Tensor) -> None:
        used = self._used + len(rows)
        if used > len(self._room):
            larger = self._room.new_empty(2 * used, *self._room.shape[1:])
            larger[: self._used] = self._room[: self._used]
            self._room = larger
        self._room[self._used : used] = rows
        self._used = used

    def rows(self) -> Tensor:
        return self._room[: self._used]


def _joined(frames: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Copy every example's frames behind those of the ones before."""
    found: dict[str, _Growing] = {}
    for features in frames:
        for name, value in features.items():
            found.setdefault(name, _Growing(value)).add(value)
    return {name: growing.rows() for name, growing in found.items()}


def _written(folder: Path, frames: Iterable[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Append every example's frames to one file a feature, and map the files."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, tuple[torch.dtype, torch.Size]] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for features in frames:
            for name, value in features.items():
                if name not in files:
                    files[name] = stack.enter_context((folder / f"{name}.frames").open("wb"))
                    kinds[name] = value.dtype, value.shape[1:]
                files[name].write(_raw(value))
    return {name: map_frames(folder / f"{name}.frames", *kind) for name, kind in kinds.items()}


def _raw(value: Tensor) -> memoryview:
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def map_frames(path: Path, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
    """Map a file of frames into memory.

    Args:
        path: raw values, row after row.
        dtype: of a value.
        shape: of one frame.
    Shape:
        -> [frames, *shape]
    """
    count = path.stat().st_size // dtype.itemsize
    if count == 0:
        return torch.empty(0, *shape, dtype=dtype)
    return torch.from_file(str(path), shared=False, size=count, dtype=dtype).reshape(-1, *shape)


def _gather(value: Tensor, index: Tensor) -> Tensor:
    rows = value.index_select(0, index.reshape(-1).to(value.device))
    rows = rows.reshape(*index.shape, *value.shape[1:])
    return rows.float() if rows.is_floating_point() else rows
