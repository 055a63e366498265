"""A toy method and toy clips, small enough to train in a second; also a program that kills itself.

python toy.py FOLDER STEP
"""

from __future__ import annotations

import copy
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.training.data import Example
from latentfx.training.recipes.config import Recipe, parse_recipe
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.start import RunOutcome, train

FRAME = 16


@dataclass(frozen=True)
class ToyClips:
    """Tones to train and to validate on."""

    train: Sequence[Example]
    validation: Sequence[Example]
    card: Mapping[str, object]


@dataclass(frozen=True)
class ToyConfig:
    """Size of its code; dropout, so that it draws random numbers; the error below which it turns to NaN."""

    size: int = 3
    dropout: float = 0.2
    break_below: float = -1.0


class Toy(Objective):
    """A linear autoencoder; in its second stage it also stays near a frozen copy of its first self."""

    config_type = ToyConfig
    stages = ("alone", "taught")
    config: ToyConfig

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.encoder = nn.Sequential(nn.Linear(FRAME, config.size), nn.Dropout(config.dropout))
        self.decoder = nn.Linear(config.size, FRAME)
        self.register_buffer("scale", torch.ones(()))
        self.teacher: nn.Module | None = None

    @property
    def sample_rate(self) -> int:
        return 8000

    def prepare(self, clips: Sequence[AnyExample]) -> FeatureCache:
        usable = [clip.audio[: len(clip.audio) // FRAME * FRAME] for clip in clips]
        return FeatureCache.join([{"frame": torch.from_numpy(audio).reshape(-1, FRAME)} for audio in usable])

    def begin_stage(self, index: int) -> None:
        if index == 1:
            self.teacher = copy.deepcopy(self.decoder).requires_grad_(False)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        code = self.encoder(batch["frame"])
        code = code + 0.01 * torch.randn_like(code)
        error = (self.decoder(code) - batch["frame"]).square().mean()
        if error.detach() < self.config.break_below:
            error = error * float("nan")
        if self.teacher is None:
            return {"loss": error, "error": error}
        far = (self.decoder(code) - self.teacher(code)).square().mean()
        return {"loss": error + far + 1.0, "error": error, "far": far}


def toy_clips(seed: int = 0) -> ToyClips:
    """Eight clips of 40 to 80 frames."""
    rng = np.random.default_rng(seed)

    def clip(index: int) -> Example:
        length = FRAME * (40 + 10 * (index % 5))
        tone = np.sin(np.arange(length) * (0.05 + 0.03 * index))
        audio = (tone + 0.1 * rng.standard_normal(length)).astype(np.float32)
        return Example.of_audio(audio, 8000, ("low", "high")[index % 2], f"tone-{index}")

    return ToyClips([clip(i) for i in range(6)], [clip(i) for i in range(6, 8)], {"kind": "toy"})


def toy_recipe(*, seed: int = 3, method: Mapping[str, Any] | None = None, **train_settings: Any) -> Recipe:
    """A recipe for the toy: 60 steps, then 60."""
    settings = {
        "stages": {"alone": {"steps": 60}, "taught": {"steps": 60}},
        "batch_size": 4,
        "crop_frames": 8,
        "lr": 0.01,
        "validate_every": 20,
        "checkpoint_every": 21,
        **train_settings,
    }
    about = {"name": "toy", "seed": seed, "licence": "CC0-1.0"}
    return parse_recipe({"recipe": about, "method": {"name": "toy", **(method or {})}, "train": settings})


class SignalAt(Reporter):
    """A silent reporter that sends this process a signal after some steps of this call."""

    def __init__(self, steps: int, number: signal.Signals) -> None:
        super().__init__(Console(quiet=True))
        self._left, self._number = steps, number

    def step(self, done: int, loss: float) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)


def train_toy(folder: str | Path, recipe: Recipe, reporter: Reporter | None = None) -> RunOutcome:
    """Train the toy on the toy clips, silently."""
    silent = reporter or Reporter(Console(quiet=True))
    return train(recipe, folder, clips=toy_clips(), method=Toy, device="cpu", threads=1, reporter=silent)


if __name__ == "__main__":
    train_toy(sys.argv[1], toy_recipe(), SignalAt(int(sys.argv[2]), signal.SIGKILL))
