"""A method outside the package: its file and its recipe, written into a folder."""

from __future__ import annotations

from pathlib import Path

CODE = '''
"""A linear autoencoder of waveform frames."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from latentfx.methods.base import Objective
from latentfx.methods.cache import FeatureCache
from latentfx.training.evaluations.evaluation import Evaluation, write_table

FRAME = 16
Path(__file__).with_name("it-ran").touch()


@dataclass(frozen=True)
class TinyConfig:
    size: int = 4


class Tiny(Objective):
    config_type = TinyConfig
    stages = ("all",)

    def __init__(self, config):
        super().__init__(config)
        self.encoder, self.decoder = nn.Linear(FRAME, config.size), nn.Linear(config.size, FRAME)

    @property
    def sample_rate(self):
        return 16_000

    def prepare(self, clips):
        frames = [torch.from_numpy(clip.audio[: len(clip.audio) // FRAME * FRAME]) for clip in clips]
        return FeatureCache.join([{"frame": frame.reshape(-1, FRAME)} for frame in frames])

    def loss(self, batch):
        return {"loss": (self.decoder(self.encoder(batch["frame"])) - batch["frame"]).square().mean()}


@dataclass(frozen=True)
class Settings:
    clips: int = 8


@dataclass(frozen=True)
class Found:
    errors: dict

    def to_markdown(self):
        return "\\n".join(f"{name}: {error:.3f}" for name, error in self.errors.items())

    def to_dict(self):
        return self.errors


class Errors(Evaluation):
    name = "errors"
    settings_type = Settings

    def run(self, models, material, out, settings, listener):
        clips = material.clips.validation[: settings.clips]
        errors = {}
        for model in models:
            cache = model.trained.prepare(clips)
            batch = cache.crop(torch.tensor([0]), torch.tensor([0]), 100)
            errors[model.name] = float(model.trained.loss(batch)["loss"].detach())
        listener.say(f"{len(clips)} clips")
        write_table(out, Found(errors))
        return Found(errors)


ERRORS = Errors()
'''
RECIPE = """
[recipe]
name = "tiny"
licence = "MIT"
[data]
instruments = ["violin"]
[[data.parts]]
kind = "tones"
seconds_per_instrument = 8
segment_seconds = 1
[method]
name = "tiny.py:Tiny"
[evaluation]
name = "tiny.py:ERRORS"
[train]
batch_size = 4
crop_frames = 8
validate_every = 2
stages = { all = { steps = 4 } }
"""
RAN = "it-ran"
"""A file that appears beside the code whenever it runs."""


def write_own_method(folder: Path) -> Path:
    """Write the method and its recipe, and return the recipe."""
    (folder / "tiny.py").write_text(CODE, encoding="utf-8")
    path = folder / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path
