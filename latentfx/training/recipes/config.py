"""A recipe: one TOML file that says what is trained, on what, for how long."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from latentfx.errors import RecipeError
from latentfx.training import catalogue, own_code
from latentfx.training.recipes.files import read_recipe_file
from latentfx.training.recipes.settings import check_range, read_settings, unknown

OPTIONAL = ("plugin", "evaluation")
MOST_SEED = 2**32 - 1  # that numpy takes
MOST_LR = 10.0
MOST_AT_ONCE = 100_000
_NAME = re.compile(r"[^\W_][\w .-]{0,63}")


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
        if self.lr is not None:
            check_range("train.stages.NAME.lr", self.lr, 0, MOST_LR)


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
        tensorboard: write the curves for TensorBoard too, into the folder `tensorboard` of the run.
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
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("batch_size", "crop_frames"):
            check_range(f"train.{name}", getattr(self, name), 1, MOST_AT_ONCE)
        for name in ("validate_every", "validation_crops", "checkpoint_every"):
            check_range(f"train.{name}", getattr(self, name), 1)
        check_range("train.lr", self.lr, 0, MOST_LR)
        for name in ("warmup_steps", "weight_decay", "gradient_clip", "patience"):
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

    def __post_init__(self) -> None:
        check_range("recipe.seed", self.seed, 0, MOST_SEED)
        if not _NAME.fullmatch(self.name):
            raise RecipeError(
                f"setting recipe.name is {self.name!r}; allowed are letters, digits, spaces and . _ -, 64 at "
                "most, beginning with a letter or a digit"
            )


@dataclass(frozen=True)
class Recipe:
    """A whole recipe, checked.

    Args:
        recipe: name, seed, notes.
        data: the settings of `latentfx.training.data.load_data`.
        method: `name`, and the settings of that method's config. The name is one of
            `latentfx.training.catalogue`, or code: `my_method.py:CLASS`, `package.module:CLASS`.
        train: how to train.
        plugin: `builder`, code that builds the plugin in place of the method's own, and its settings.
        evaluation: `name`, code that judges the model in place of the method's own, and its settings.
        folder: where files of code that it names lie; None trusts no code outside the catalogue.
    """

    recipe: About
    method: Mapping[str, Any]
    train: TrainSettings
    data: Mapping[str, Any] = field(default_factory=dict)
    plugin: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = field(default=None, compare=False)

    @property
    def method_name(self) -> str:
        """Name of the method."""
        return str(self.method["name"])

    @property
    def method_settings(self) -> dict[str, Any]:
        """Settings of the method, without its name."""
        return {key: value for key, value in self.method.items() if key != "name"}

    def find_method(self) -> catalogue.Method:
        """Find the method that it names; nothing is imported yet.

        Raises:
            RecipeError: no method of that name.
            TrustError: code outside the catalogue, in a recipe that was not read from a file.
        """
        return catalogue.of_recipe(_sections(self), self.folder, trust=self.folder is not None)

    def read_code(self) -> dict[str, bytes]:
        """The files of code that it names: name without folders -> text.

        Raises:
            RecipeError: a file that cannot be read.
        """
        return {} if self.folder is None else own_code.read_code(_sections(self), self.folder)


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name (shipped ones) or path.

    Args:
        name: `timbre-swap`, or a path that ends in `.toml`.
        overrides: `SECTION.KEY=VALUE`, the value as TOML writes it (`train.lr=3e-4`); a bare word is a text.
    Raises:
        RecipeError: no such recipe, not TOML, or a setting that is unknown, missing or wrong.
    """
    table = read_recipe_file(str(name), overrides)
    path = Path(name)
    from_file = path.suffix == ".toml" or path.is_file()
    return parse_recipe(table, (path.parent if from_file else Path()).resolve())


def parse_recipe(table: Mapping[str, Any], folder: Path | None = None) -> Recipe:
    """Check a recipe given as nested tables.

    Args:
        table: sections by name.
        folder: where files of code that it names lie; None trusts no code outside the catalogue.
    Raises:
        RecipeError: a setting that is unknown, missing or wrong.
    """
    _check_sections(table)
    if "name" not in table.get("method", {}):
        raise RecipeError(f"setting method.name is missing; allowed: {', '.join(catalogue.METHODS)}")
    return Recipe(
        recipe=read_settings(About, table.get("recipe", {}), "recipe"),
        method={**table["method"], "name": catalogue.todays_name(str(table["method"]["name"]))},
        train=read_settings(TrainSettings, table.get("train", {}), "train"),
        data=dict(table.get("data", {})),
        plugin=dict(table.get("plugin", {})),
        evaluation=dict(table.get("evaluation", {})),
        folder=folder,
    )


def as_table(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON can hold it, every default written out; names of code as checkpoints keep them."""
    return own_code.with_portable_names(_sections(recipe))


def _sections(recipe: Recipe) -> dict[str, Any]:
    """The sections of a recipe; those that may be left out only where they say something."""
    table = dataclasses.asdict(recipe)
    del table["folder"]
    return {name: section for name, section in table.items() if section or name not in OPTIONAL}


def _check_sections(table: Mapping[str, Any]) -> None:
    allowed = [f.name for f in dataclasses.fields(Recipe) if f.name != "folder"]
    for section, value in table.items():
        if section not in allowed:
            raise RecipeError(unknown(f"section [{section}]", section, allowed))
        if not isinstance(value, Mapping):
            raise RecipeError(f"[{section}] is {value!r}; it must be a table of settings")
