"""Train a recipe in a run folder, or go on where it stopped."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from latentfx.errors import DataError, RecipeError
from latentfx.methods.base import Objective
from latentfx.training.recipes.config import Recipe, as_table, parse_recipe
from latentfx.training.recipes.settings import read_settings
from latentfx.training.runs.device import Device, choose_device
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.run import STATE, AnyDataset, Outcome, Run
from latentfx.training.runs.state import load_state
from latentfx.training.runs.stopping import Stopper

__all__ = ["Outcome", "train"]


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
) -> Outcome:
    """Train a recipe, or go on where an earlier call on the same folder stopped.

    Same recipe, seed, machine and number of threads: the same weights, bit for bit on the CPU, however often
    the run was stopped or killed.

    Args:
        recipe: what to train.
        folder: the run folder; made where absent.
        clips: training data; None loads what `[data]` says.
        method: class of the objective; None takes the one that `method.name` stands for.
        data_root: what relative paths in `[data]` count from; None leaves that to `load_data`.
        limit_s: stop cleanly after so many seconds of training.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        threads: CPU threads of torch; None leaves its own choice.
        reporter: shows progress.
    Raises:
        RecipeError: a setting that is wrong.
        DataError: no usable clips.
        CheckpointError: the folder holds a run of another recipe, or a damaged state.
        TrainingError: the loss is not a finite number.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    method = method or recipe.find_method().load_objective()
    config: Any = read_settings(method.config_type, recipe.method_settings, "method")
    _check_stages(recipe, method)
    place = Device(choose_device(device), recipe.train.precision)
    folder, reporter = Path(folder), reporter or Reporter()
    settings = {**_settings(recipe, config), "revision": method.revision}
    saved = None
    if (folder / STATE).exists():
        saved = load_state(folder / STATE, settings, functools.partial(_with_todays_defaults, method))
    seed_everything(recipe.recipe.seed)
    objective = method(config)
    clips = clips or _load_clips(recipe, objective.sample_rate, data_root)
    _check_sides(recipe, clips)
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, folder, settings, objective, clips, place, reporter)
    with Stopper(limit_s) as stopper, reporter:
        return run.go(saved, stopper)


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


def _load_clips(recipe: Recipe, sample_rate: int, data_root: Path | None) -> AnyDataset:
    from latentfx.training.data import load_data

    return load_data(recipe.data, sample_rate, recipe.recipe.seed, data_root)
