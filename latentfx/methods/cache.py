"""Features of all clips of a set, end to end in one tensor, from which random crops are gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latentfx.errors import DataError, ShapeError


@dataclass(frozen=True)
class FeatureCache:
    """Frame features of every clip, joined along time, and features that a clip has once.

    Args:
        frames: name -> values for every frame of every clip, in the order of the clips; float16 halves the
            memory, crops come as float32.
        lengths: frames in each clip.
        clips: name -> values for every clip (an instrument's number, say).
        weights: how often each clip is drawn, up to a factor; None draws every frame equally often.
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

    @classmethod
    def join(
        cls,
        frames: Sequence[Mapping[str, Tensor]],
        clips: Mapping[str, Tensor] | None = None,
        weights: Tensor | None = None,
    ) -> FeatureCache:
        """Join the frame features of single clips.

        Shape:
            each value of frames[k] [N_k, ...]
        Raises:
            DataError: no clip at all.
            ShapeError: two features of one clip differ in length.
        """
        if not frames:
            raise DataError("there are no clips to make features from")
        lengths = []
        for position, features in enumerate(frames):
            sizes = {name: len(value) for name, value in features.items()}
            if len(set(sizes.values())) != 1:
                raise ShapeError(f"clip {position} has features of different lengths: {sizes}")
            lengths.append(next(iter(sizes.values())))
        joined = {name: torch.cat([features[name] for features in frames]) for name in frames[0]}
        return cls(joined, torch.tensor(lengths), clips or {}, weights)

    def to(self, device: torch.device) -> FeatureCache:
        """Move the features to a device; the lengths and weights stay where the drawing happens."""
        frames = {name: value.to(device) for name, value in self.frames.items()}
        clips = {name: value.to(device) for name, value in self.clips.items()}
        return FeatureCache(frames, self.lengths, clips, self.weights)

    def crop(self, clip: Tensor, start: Tensor, length: int) -> dict[str, Tensor]:
        """Gather one crop of `length` frames from each given clip.

        Args:
            clip: which clip; may repeat.
            start: first frame inside that clip; start + length must not pass the clip's end.
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


def _gather(value: Tensor, index: Tensor) -> Tensor:
    rows = value.index_select(0, index.reshape(-1).to(value.device))
    rows = rows.reshape(*index.shape, *value.shape[1:])
    return rows.float() if rows.is_floating_point() else rows
