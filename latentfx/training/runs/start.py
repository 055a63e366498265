"""Train a recipe in a run folder, or go on where it stopped."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from latentfx.errors import DataError, RecipeError
from latentfx.methods.base import Objective
from latentfx.training.recipes.config import Recipe, as_table, parse_recipe
from latentfx.training.recipes.settings import read_settings
from latentfx.training.runs.fabric import make_fabric
from latentfx.training.runs.lock import held
from latentfx.training.runs.preparing import AnyDataset, Preparer
from latentfx.training.runs.records import STATE, has_checkpoint
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.run import Run, RunOutcome
from latentfx.training.runs.state import SavedState, load_state
from latentfx.training.runs.stopping import Stopped, Stopper
from latentfx.training.runs.watch import Watch

__all__ = ["RunOutcome", "train"]

FEATURES = "features"


def train(
    recipe: Recipe,
    folder: str | Path,
    *,
    clips: AnyDataset | None = None,
    method: type[Objective] | None = None,
    data_root: Path | None = None,
    limit_s: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> RunOutcome:
    """Train a recipe, or go on where an earlier call on the same folder stopped.

    Same recipe, seed, machine and number of threads: the same weights, bit for bit on the CPU, however often
    the run was stopped or killed.

    Args:
        recipe: what to train.
        folder: the run folder; made where absent. One process at a time.
        clips: training data; None loads what `[data]` says.
        method: class of the objective; None takes the one that `method.name` stands for.
        data_root: what relative paths in `[data]` count from; None leaves that to `load_data`.
        limit_s: stop cleanly after so many seconds; making data and features counts.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        threads: CPU threads of torch; None leaves its own choice.
        reporter: shows progress.
    Raises:
        RecipeError: a setting that is wrong.
        DataError: no usable clips.
        CheckpointError: the folder holds a run of another recipe, or a damaged state.
        TrainingError: the loss is not a finite number, or another process trains in the folder.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    method = method or _load_method(recipe)
    config: Any = read_settings(method.config_type, recipe.method_settings, "method")
    _check_stages(recipe, method)
    fabric = make_fabric(device, recipe.train.precision)
    folder, reporter = Path(folder), reporter or Reporter()
    settings = {**_settings(recipe, config), "revision": method.revision}
    with Stopper(limit_s) as stopper, reporter, held(folder):
        saved = _saved(folder, settings, method)
        seed_everything(recipe.recipe.seed)
        objective = method(config)
        try:
            with stopper.at_once("making data"):
                watch = Watch(reporter, stopper)
                clips = clips or _load_data(recipe, objective.sample_rate, data_root, watch)
                _check_sides(recipe, clips)
            with stopper.at_once("making features"):
                fabric.to_device(objective)
                preparer = Preparer(objective, watch)
                if recipe.data.get("keep") == "disk":
                    data = preparer.on_disk(clips, folder / FEATURES, settings, resumes=saved is not None)
                else:
                    data = preparer.in_memory(clips)
        except Stopped as stop:
            return _before_training(folder, stop, saved)
        outcome = Run(recipe, folder, settings, objective, data, fabric, reporter).go(saved, stopper)
        if outcome.reason == "finished":
            shutil.rmtree(folder / FEATURES, ignore_errors=True)
        return outcome


def _load_method(recipe: Recipe) -> type[Objective]:
    found = recipe.find_method()
    found.check_own_parts()
    return found.load_objective()


def _saved(folder: Path, settings: Mapping[str, Any], method: type[Objective]) -> SavedState | None:
    if not (folder / STATE).exists():
        return None
    return load_state(folder / STATE, settings, functools.partial(_with_todays_defaults, method))


def _before_training(folder: Path, stop: Stopped, saved: SavedState | None) -> RunOutcome:
    step, best = (0, None) if saved is None else (saved.progress.step, saved.progress.best)
    return RunOutcome(folder, stop.reason, step, best, stop.during, has_checkpoint(folder))


def _check_stages(recipe: Recipe, method: type[Objective]) -> None:
    given = tuple(recipe.train.stages)
    if given != tuple(method.stages):
        raise RecipeError(
            f"train.stages names {', '.join(given) or 'none'}; "
            f"method {recipe.method_name!r} has, in this order: {', '.join(method.stages)}"
        )


def _check_sides(recipe: Recipe, clips: AnyDataset) -> None:
    if not clips.train or not clips.validation:
        share = recipe.data.get("validation", "not set")
        raise DataError(
            f"there are {len(clips.train)} clips to train on, {len(clips.validation)} to validate on; wanted "
            f"some of both, of different recordings. Change data.validation (now {share}: the share of the "
            "recordings that is kept), name recordings in the holdout of a part, or add recordings"
        )


def _settings(recipe: Recipe, config: Any) -> dict[str, Any]:
    table = as_table(recipe)
    table["method"] = {"name": table["method"]["name"], **dataclasses.asdict(config)}
    plain: dict[str, Any] = json.loads(json.dumps(table))
    return plain


def _with_todays_defaults(method: type[Objective], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that an earlier version kept, with today's names, and with new settings at their default.

    Settings that this version cannot read stay as they are.
    """
    try:
        recipe = parse_recipe({name: value for name, value in settings.items() if name != "revision"})
        config: Any = read_settings(method.config_type, recipe.method_settings, "method")
    except RecipeError:
        return dict(settings)
    return {**_settings(recipe, config), "revision": settings.get("revision", method.revision)}


def _load_data(recipe: Recipe, sample_rate: int, data_root: Path | None, watch: Watch) -> AnyDataset:
    from latentfx.training.data import load_data

    made = load_data(
        recipe.data,
        sample_rate,
        recipe.recipe.seed,
        data_root,
        progress=watch,
        code_folder=recipe.folder,
    )
    watch.say(made.notes)
    return made
