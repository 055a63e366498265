"""What a run writes into its folder: curves, states, the best checkpoints and their cards."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from latentfx.methods.base import Objective
from latentfx.training.recipes.config import Recipe, as_table
from latentfx.training.runs.checkpoint import EARLY, save_checkpoint
from latentfx.training.runs.curves import Curves, draw_curves
from latentfx.training.runs.events import EventFile
from latentfx.training.runs.state import Position, save_state

STATE, CURVES, PICTURE, EVENTS = "state.safetensors", "curves.csv", "curves.png", "tensorboard"


def has_checkpoint(folder: Path) -> bool:
    """Whether a run folder holds a model that can be exported."""
    return has_best(folder) or (folder / EARLY).exists()


def has_best(folder: Path) -> bool:
    """Whether a validation has left a checkpoint in a run folder."""
    return any(folder.glob("best-*"))


class Records:
    """The files of one run.

    Args:
        recipe: what is trained.
        folder: where.
        settings: the recipe with every default written out.
        data_card: describes the data.
        device: on which the run computes, for cards.
        marks: side of the data -> marks of its examples, for the state.
        processes: that train together, for cards.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        settings: Mapping[str, Any],
        data_card: Mapping[str, object],
        device: str,
        marks: Mapping[str, Tensor],
        processes: int = 1,
    ) -> None:
        self._processes = processes
        self.recipe, self.folder, self.settings = recipe, folder, settings
        self._code = recipe.read_code()
        self._data_card, self._device = dict(data_card), device
        self._marks = marks
        self._curves: Curves | None = None
        self._events: EventFile | None = None

    @property
    def state(self) -> Path:
        """File of the state."""
        return self.folder / STATE

    def begin(self, progress: Position) -> None:
        """Open the curves, and cut off what a killed run wrote after its last save."""
        self._curves = Curves(self.folder / CURVES, progress.curves_bytes)
        if self.recipe.train.tensorboard:
            self._events = EventFile(self.folder / EVENTS, self.folder / CURVES)

    def curve(
        self, progress: Position, place: tuple[float, str, str], parts: Mapping[str, float], lr: float
    ) -> None:
        """Write parts of a loss.

        Args:
            progress: the step, and the seconds so far.
            place: epoch, stage, split.
            parts: by name.
            lr: learning rate.
        """
        if self._curves is not None:
            self._curves.write((progress.step, *place), parts, lr, progress.seconds)
        if self._events is not None:
            self._events.write(progress.step, place[2], {**parts, "lr": lr})

    def best(
        self,
        progress: Position,
        stage: str,
        model: Objective,
        metrics: Mapping[str, float],
        latent: Mapping[str, Any],
    ) -> None:
        """Keep a model as the best of its stage.

        Args:
            progress: the step, and the seconds so far.
            stage: its name.
            model: to keep.
            metrics: of the validation.
            latent: entries of the card that tell of the latent spaces.
        """
        save_checkpoint(
            self.folder / f"best-{stage}",
            model,
            self._card(progress, stage, model, metrics, latent),
            self._code,
        )
        shutil.rmtree(self.folder / EARLY, ignore_errors=True)

    def early(self, progress: Position, stage: str, model: Objective) -> None:
        """Keep a model that no validation has seen; the first best one replaces it."""
        card = self._card(progress, stage, model, {}, {})
        save_checkpoint(self.folder / EARLY, model, card, self._code)

    def save(
        self, progress: Position, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]
    ) -> None:
        """Write all that the next step depends on."""
        if self._curves is not None:
            progress.curves_bytes = self._curves.size
        save_state(self.state, progress, modules, optimizers, self.settings, self._marks)

    def end(self) -> None:
        """Draw the curves, close the files."""
        draw_curves(self.folder / CURVES, self.folder / PICTURE)
        if self._events is not None:
            self._events.close()

    def _card(
        self,
        p: Position,
        stage: str,
        model: Objective,
        metrics: Mapping[str, float],
        latent: Mapping[str, Any],
    ) -> dict[str, Any]:
        about = self.recipe.recipe
        return {
            "recipe": as_table(self.recipe),
            "method_config": dataclasses.asdict(model.config),
            "stage": stage,
            "stage_index": p.stage,
            "step": p.step,
            "metrics": dict(metrics),
            "health": {},
            **latent,
            "data": self._data_card,
            "seed": about.seed,
            "licence": about.licence,
            "wall_time_s": round(p.seconds, 1),
            "device": self._device,
            "threads": torch.get_num_threads(),
            **({"processes": self._processes} if self._processes > 1 else {}),
            "date": datetime.now(UTC).date().isoformat(),
        }
