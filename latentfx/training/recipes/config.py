"""A recipe: one TOML file that says what is trained, on what, for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from latentfx.errors import RecipeError
from latentfx.training.catalogue import METHODS, todays_name
from latentfx.training.recipes.files import read_recipe_file
from latentfx.training.recipes.settings import check_range, read_settings, unknown


@dataclass(frozen=True)
class StageLength:
    """How long a stage lasts: `epochs` or `steps`, exactly one of them.

    Args:
        epochs: passes over the training frames (crops are random: each frame comes once on average).
        steps: optimiser steps.
        lr: the stage's learning rate; None takes `train.lr`.
    """

    epochs: int | None = None
    steps: int | None = None
    lr: float | None = None

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise RecipeError("a stage needs either epochs or steps: train.stages.NAME = { steps = 2000 }")
        check_range("train.stages.NAME.epochs or steps", self.epochs or self.steps or 0, 1)


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Args:
        stages: length of every stage of the method, in its order.
        batch_size: crops in a step.
        crop_frames: frames in a crop; clips that are shorter are left out.
        lr: learning rate of Adam.
        schedule: `constant`, or `cosine` down to 1 % of the rate within each stage.
        warmup_steps: steps over which the rate rises from 0 at the start of the run.
        weight_decay: decoupled weight decay (AdamW).
        gradient_clip: largest norm of the gradient; 0 does not clip.
        ema: decay of a running average of the weights, which is then what is validated and kept; 0 has none.
            It starts anew with each stage.
        precision: `float32`, or `bfloat16` for autocast on a GPU.
        validate_every: steps between validations.
        validation_crops: validate on at most so many crops, the same ones each time.
        patience: end a stage after so many validations without a new best; 0 never does.
        checkpoint_every: steps between saves of the resumable state (it is also saved at each validation).
    """

    stages: Mapping[str, StageLength]
    batch_size: int = 32
    crop_frames: int = 128
    lr: float = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    ema: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    validate_every: int = 500
    validation_crops: int = 256
    patience: int = 0
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        for name in ("batch_size", "crop_frames", "validate_every", "validation_crops", "checkpoint_every"):
            check_range(f"train.{name}", getattr(self, name), 1)
        for name in ("lr", "warmup_steps", "weight_decay", "gradient_clip", "patience"):
            check_range(f"train.{name}", getattr(self, name), 0)
        check_range("train.ema", self.ema, 0, 0.999999)


@dataclass(frozen=True)
class About:
    """What people should know of a recipe.

    Args:
        name: short name; the run folder is called after it.
        description: what comes out.
        seed: one number that fixes everything random.
        licence: licence of the trained weights, with that of the data in mind.
        notes: cost, machine, expected result.
    """

    name: str
    description: str = ""
    seed: int = 0
    licence: str = ""
    notes: str = ""


@dataclass(frozen=True)
class Recipe:
    """A whole recipe, checked.

    Args:
        recipe: name, seed, notes.
        data: the settings of `latentfx.training.data.load_data`.
        method: `name` (a key of `METHODS`) and the settings of that method's config.
        train: how to train.
    """

    recipe: About
    method: Mapping[str, Any]
    train: TrainSettings
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def method_name(self) -> str:
        """Name of the method."""
        return str(self.method["name"])

    @property
    def method_settings(self) -> dict[str, Any]:
        """Settings of the method, without its name."""
        return {key: value for key, value in self.method.items() if key != "name"}


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name (shipped ones) or path.

    Args:
        name: `timbre-swap`, or a path that ends in `.toml`.
        overrides: `SECTION.KEY=VALUE`, the value as TOML writes it (`train.lr=3e-4`); a bare word is a text.
    Raises:
        RecipeError: no such recipe, not TOML, or a setting that is unknown, missing or wrong.
    """
    return parse_recipe(read_recipe_file(str(name), overrides))


def parse_recipe(table: Mapping[str, Any]) -> Recipe:
    """Check a recipe given as nested tables.

    Raises:
        RecipeError: a setting that is unknown, missing or wrong.
    """
    _check_sections(table)
    if "name" not in table.get("method", {}):
        raise RecipeError(f"setting method.name is missing; allowed: {', '.join(METHODS)}")
    return Recipe(
        recipe=read_settings(About, table.get("recipe", {}), "recipe"),
        method={**table["method"], "name": todays_name(str(table["method"]["name"]))},
        train=read_settings(TrainSettings, table.get("train", {}), "train"),
        data=dict(table.get("data", {})),
    )


def as_table(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON can hold it, every default written out."""
    return dataclasses.asdict(recipe)


def _check_sections(table: Mapping[str, Any]) -> None:
    allowed = [f.name for f in dataclasses.fields(Recipe)]
    for section, value in table.items():
        if section not in allowed:
            raise RecipeError(unknown(f"section [{section}]", section, allowed))
        if not isinstance(value, Mapping):
            raise RecipeError(f"[{section}] is {value!r}; it must be a table of settings")
