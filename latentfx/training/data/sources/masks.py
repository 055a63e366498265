"""`masks`: silhouettes of pedestrians, KITTI-Masks converted to an .npz file.

The published file is a pickle, which can run code when it is opened. latentfx opens none. Whoever trusts the
file converts it once:

    content = pickle.load(open("kitti_peds_v2.pickle", "rb"))
    arrays = {f"{name}_{i}": a for name, all in content.items() for i, a in enumerate(all)}
    numpy.savez("kitti.npz", **arrays)

Source: Klindt et al., "Towards nonlinear disentanglement in natural data with temporal sparse coding", 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.training.data.example import Example
from latentfx.training.data.source import DataSource, Job, Made

MASKS, LATENTS = "pedestrians", "pedestrians_latents"
LATENT_NAMES = ("y", "x", "area")
SIDE = 64


@dataclass(frozen=True)
class Masks(DataSource):
    """Silhouettes of pedestrians that walk past.

    Examples have the array `masks` [frames, 1, 64, 64] and the labels `y`, `x`, `area` of every frame.

    Args:
        path: an .npz file with arrays for each sequence: `pedestrians_0` [T, 64, 64] and
            `pedestrians_latents_0` [T, 3], and so on.
        frames: that are used of each sequence; shorter ones are left out.
        test: sequences, from the first, that are judged by.
    """

    limits: ClassVar = {"frames": (2, 1000), "test": (1, 100_000)}
    by_instrument: ClassVar[bool] = False
    path: str = ""
    frames: int = 12
    test: int = 320

    def make(self, job: Job) -> Made:
        """Read the file; the first sequences are for the test."""
        file = job.path(self.path, "path")
        masks, latents = read_npz(file)
        examples = []
        for number, (video, known) in enumerate(zip(masks, latents, strict=True)):
            if len(video) >= self.frames:
                examples.append(self._example(f"{file.stem}/{number}", video, known))
        job.note(
            f"{len(examples)} of {len(masks)} sequences of {file.name} have {self.frames} frames or more"
        )
        if len(examples) <= self.test:
            raise DataError(
                f"{file} has {len(examples)} sequences of {self.frames} frames, of which {self.test} are for "
                f"the test; lower data.parts[{job.index}].test or .frames"
            )
        return Made(examples[self.test :], examples[: self.test], {"files": 1})

    def _example(self, name: str, video: NDArray[Any], known: NDArray[Any]) -> Example:
        if video.shape[1:] != (SIDE, SIDE) or known.shape != (len(video), len(LATENT_NAMES)):
            raise DataError(
                f"sequence {name} has masks of the shape {video.shape} and latents of {known.shape}; wanted "
                f"[T, {SIDE}, {SIDE}] and [T, {len(LATENT_NAMES)}]"
            )
        frames = np.asarray(video[: self.frames, None], dtype=np.float32).clip(0.0, 1.0)
        columns = np.asarray(known[: self.frames], dtype=np.float64).T
        return Example({"masks": frames}, 1.0, dict(zip(LATENT_NAMES, columns, strict=True)), name)


Sequences = tuple[list[NDArray[Any]], list[NDArray[Any]]]


def read_npz(file: Path) -> Sequences:
    """Masks and latents of a converted file.

    Raises:
        DataError: not such a file, or sequences that are missing.
    """
    try:
        with np.load(file, allow_pickle=False) as kept:
            count = sum(name.startswith(f"{LATENTS}_") for name in kept)
            return (
                [kept[f"{MASKS}_{number}"] for number in range(count)],
                [kept[f"{LATENTS}_{number}"] for number in range(count)],
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise DataError(
            f"{file} cannot be read as an .npz file of masks ({error}); convert it again"
        ) from None
