"""Train a recipe in a run folder, or go on where it stopped."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from latentfx.errors import DataError, RecipeError
from latentfx.methods.base import Objective
from latentfx.training.recipes.config import Recipe, as_table, parse_recipe
from latentfx.training.recipes.settings import read_settings
from latentfx.training.runs.fabric import make_fabric
from latentfx.training.runs.fingerprint import check_same
from latentfx.training.runs.lock import held
from latentfx.training.runs.preparing import AnyDataset, Prepared, Preparer
from latentfx.training.runs.records import STATE, has_checkpoint
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.run import Run, RunOutcome
from latentfx.training.runs.state import SavedState, load_state
from latentfx.training.runs.stopping import Stopped, Stopper
from latentfx.training.runs.together import Failed, Together
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
    devices: int | None = None,
    nodes: int | None = None,
) -> RunOutcome:
    """Train a recipe, or go on where an earlier call on the same folder stopped.

    Same recipe, seed, machine and number of threads: the same weights, bit for bit on the CPU, however often
    the run was stopped or killed.

    Several processes share each batch: each takes the same number of its rows, by (seed, step, rank), and all
    take one step by the mean of their gradients. What a loss draws at random is drawn by (seed, step, rank)
    too. A run may go on with another number of processes. The first one makes the data and the features,
    which lie in the run folder and are mapped into the memory of all; it alone writes and validates.

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
        devices: processes on each machine, a device each; None takes what torchrun or SLURM says, else 1.
        nodes: machines; None likewise.
    Raises:
        RecipeError: a setting that is wrong.
        DataError: no usable clips.
        CheckpointError: the folder holds a run of another recipe or of other data, or a damaged state.
        TrainingError: the loss is not a finite number, or another process trains in the folder.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    method = method or _load_method(recipe)
    config: Any = read_settings(method.config_type, recipe.method_settings, "method")
    _check_stages(recipe, method)
    folder = Path(folder)
    settings = {**_settings(recipe, config), "revision": method.revision}
    together = Together(make_fabric(device, recipe.train.precision, devices, nodes))
    together.share_of(recipe.train.batch_size)
    with together:
        reporter = (reporter or Reporter()) if together.first else Reporter(Console(quiet=True))
        with Stopper(limit_s) as stopper, reporter, held(folder) if together.first else nullcontext():
            seed_everything(recipe.recipe.seed)
            objective = method(config)
            source = RunData(recipe, folder, settings, clips, data_root)
            made = _first_steps(source, objective, method, together, Watch(reporter, stopper), stopper)
            if isinstance(made, RunOutcome):
                return made
            saved, data = made
            outcome = Run(recipe, folder, settings, objective, data, together, reporter).go(saved, stopper)
            if outcome.reason == "finished" and together.first:
                shutil.rmtree(folder / FEATURES, ignore_errors=True)
            return outcome


@dataclass(frozen=True)
class RunData:
    """Where the data of a run comes from.

    Args:
        recipe: what is trained.
        folder: of the run.
        settings: the recipe with every default written out.
        clips: training data; None loads what `[data]` says.
        data_root: what relative paths in `[data]` count from.
    """

    recipe: Recipe
    folder: Path
    settings: Mapping[str, Any]
    clips: AnyDataset | None
    data_root: Path | None

    def prepare(
        self,
        objective: Objective,
        device: torch.device,
        watch: Watch,
        stopper: Stopper,
        on_disk: bool,
        resumes: bool,
    ) -> Prepared:
        """Make data and features.

        Args:
            objective: gets its statistics, on the device.
            device: to compute on.
            watch: is told of every piece of work.
            stopper: may end it.
            on_disk: whether features are files that are mapped into memory.
            resumes: whether the objective gets its statistics from a saved state.

        Raises:
            Stopped: the stopper ends it.
            DataError: no usable clips.
        """
        with stopper.at_once("making data"):
            clips = self.clips or _load_data(self.recipe, objective.sample_rate, self.data_root, watch)
            _check_sides(self.recipe, clips)
        with stopper.at_once("making features"):
            objective.to(device)
            preparer = Preparer(objective, watch)
            if on_disk:
                return preparer.on_disk(clips, self.folder / FEATURES, self.settings, resumes)
            return preparer.in_memory(clips)


def _first_steps(
    source: RunData,
    objective: Objective,
    method: type[Objective],
    together: Together,
    watch: Watch,
    stopper: Stopper,
) -> RunOutcome | tuple[SavedState | None, Prepared]:
    """The saved state and the features; or how the run ended before it began.

    Of several processes the first makes the features, as files. The others wait, and map them; an objective
    whose features are no such files makes them in every process.
    """
    device, several = together.fabric.device, together.size > 1
    on_disk = several or source.recipe.data.get("keep") == "disk"
    data: Prepared | None = None
    saved: SavedState | None = None
    ending: RunOutcome | None = None
    if together.first:
        saved = _saved(source.folder, source.settings, method)
        try:
            data = source.prepare(objective, device, watch, stopper, on_disk, saved is not None)
            if saved is not None:
                check_same(source.folder, saved.data, data.marks)
        except Stopped as stop:
            ending = _before_training(source.folder, stop, saved)
    told = together.tell(ending)
    if isinstance(told, Failed):
        raise told.error()
    if told is not None:
        return cast(RunOutcome, told)
    if data is None:
        saved = _saved(source.folder, source.settings, method)
        objective.to(device)
        found = Preparer(objective, watch).shared(source.folder / FEATURES, source.settings)
        if found is None:
            data = source.prepare(objective, device, watch, stopper, False, saved is not None)
        else:
            data = Prepared(*found, {})
    return saved, data


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
