"""One run in one folder: its steps, validations and saves, in an order that never depends on the clock."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from torch import nn
from torch.optim.swa_utils import AveragedModel

from latentfx.errors import TrainingError
from latentfx.methods.base import Objective
from latentfx.training.recipes.config import Recipe
from latentfx.training.runs.ema import running_average, set_steps
from latentfx.training.runs.health import code_statistics, latent_health
from latentfx.training.runs.players import Players
from latentfx.training.runs.preparing import Prepared
from latentfx.training.runs.records import Records, has_best, has_checkpoint
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.sampling import FixedCrops, RandomCrops
from latentfx.training.runs.schedule import learning_rate
from latentfx.training.runs.state import Position, SavedState
from latentfx.training.runs.stopping import Reason, Stopper
from latentfx.training.runs.together import Together
from latentfx.training.runs.validation import evaluate

LOG_EVERY = 50
Ending = Literal["finished", "time", "interrupted"]


@dataclass(frozen=True)
class RunOutcome:
    """How a call of `train` ended.

    Args:
        folder: the run folder.
        reason: `finished`; `time` or `interrupted` when a further call would go on.
        step: steps done in all.
        best: best validation loss of the last stage that was reached; None before its first validation.
        during: what was going on when it ended: `training`, `making data` or `making features`.
        exportable: whether the folder holds a checkpoint.
    """

    folder: Path
    reason: Ending
    step: int
    best: float | None
    during: str = "training"
    exportable: bool = True

    def __str__(self) -> str:
        where = f"{self.folder} at step {self.step}"
        if self.reason == "finished":
            return f"finished: {where}"
        what = "" if self.during == "training" else f" while {self.during}"
        more = "goes on from there" if self.during == "training" or self.step else "starts that again"
        lacks = "" if self.exportable else "; there is no checkpoint to export yet: let it train some steps"
        if self.reason == "time" and self.during != "training":
            more += ", so give it a longer time"
        return f"stopped ({self.reason}){what}: {where}; the same command {more}{lacks}"


class Run:
    """One run.

    Args:
        recipe: what to train.
        folder: where; it exists.
        settings: the recipe with every default written out, which a resumed run must share.
        objective: on its device, prepared.
        data: features of both sides.
        together: the processes of the run; its Fabric says where and how precisely to compute.
        reporter: shows progress.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        settings: Mapping[str, Any],
        objective: Objective,
        data: Prepared,
        together: Together,
        reporter: Reporter,
    ) -> None:
        self.recipe, self.objective, self.reporter = recipe, objective, reporter
        self.together, self.fabric = together, together.fabric
        t, place = recipe.train, self.fabric.device
        self.crops = RandomCrops(
            data.train.features.to(place),
            t.crop_frames,
            t.batch_size,
            recipe.recipe.seed,
            together.share_of(t.batch_size),
        )
        held_out = data.validation.features.to(place)
        self.validation = FixedCrops(held_out, t.crop_frames, t.batch_size, t.validation_crops)
        if self.crops.left_out:
            self.reporter.say(f"left out {self.crops.left_out} clips shorter than {t.crop_frames} frames")
        self.instruments = data.validation.instruments
        self.records = Records(recipe, folder, settings, data.card, str(place), data.marks, together.size)
        self.players = Players(objective, t, together)
        self.average: AveragedModel | None = None
        self.progress = Position()

    def go(self, saved: SavedState | None, stopper: Stopper) -> RunOutcome:
        """Train until the end, the limit or a signal."""
        self._start(saved)
        self.reporter.begin_run(sum(self._steps_of(stage) for stage in self.objective.stages))
        while self.progress.stage < len(self.objective.stages):
            reason = self._train_stage(stopper)
            if reason is not None:
                return self._end(reason)
            self.progress.stage += 1
            if self.progress.stage < len(self.objective.stages):
                self.progress.forget_best()
                self._begin_stage(self.progress.stage)
            self._save()
        return self._end("finished")

    def _start(self, saved: SavedState | None) -> None:
        seed_everything(self.recipe.recipe.seed)
        if saved is not None:
            self.progress = saved.progress
        self._clock = time.monotonic() - self.progress.seconds
        last = len(self.objective.stages) - 1
        for index in range(min(self.progress.stage, last) + 1):
            self._begin_stage(index)
        if saved is not None:
            saved.restore(self._modules, self.players.optimizers)
            if self.average:
                set_steps(self.average, self.progress.stage_step)
            self.reporter.say(f"going on at step {self.progress.step} of {self.records.folder}")
        if self.together.first:
            self.records.begin(self.progress)
        if saved is None:
            self._save()

    def _begin_stage(self, index: int) -> None:
        self.objective.begin_stage(index)
        self.fabric.to_device(self.objective)
        self.together.share_tensors(self.objective)
        self.players.check_stage(self.objective.stages[index])
        decay = self.recipe.train.ema
        self.average = running_average(self.objective, decay) if decay > 0 else None

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.objective, **({"ema": self.average.module} if self.average else {})}

    @property
    def _evaluated(self) -> Objective:
        return cast(Objective, self.average.module) if self.average else self.objective

    @property
    def _stage(self) -> str:
        return self.objective.stages[min(self.progress.stage, len(self.objective.stages) - 1)]

    def _steps_of(self, stage: str) -> int:
        length = self.recipe.train.stages[stage]
        return length.steps or (length.epochs or 0) * self.crops.steps_per_epoch

    @property
    def _out_of_patience(self) -> bool:
        patience = self.recipe.train.patience
        return patience > 0 and self.progress.stale >= patience

    def _train_stage(self, stopper: Stopper) -> Reason | None:
        p, t, total = self.progress, self.recipe.train, self._steps_of(self._stage)
        before = sum(self._steps_of(stage) for stage in self.objective.stages[: p.stage])
        self.reporter.begin_stage(self._stage, p.stage_step, total, before)
        began, first = time.monotonic(), p.stage_step
        while p.stage_step < total and not self._out_of_patience:
            reason = self.together.agree(stopper.reason)
            if reason is not None:
                return reason
            rate = functools.partial(learning_rate, t, t.stages[self._stage], p.stage_step, total, p.step)
            loss = self._step(rate)
            self.reporter.step(p.stage_step, loss)
            lr = rate(self.players.all[0].lr)
            if p.count >= LOG_EVERY or p.stage_step == total:
                self._log(lr)
            validates = p.stage_step % t.validate_every == 0 or p.stage_step == total
            if validates:
                left_s = (time.monotonic() - began) / (p.stage_step - first) * (total - p.stage_step)
                self._validate(lr, left_s)
            if validates or p.stage_step % t.checkpoint_every == 0:
                self._save()
        if self._out_of_patience:
            self.reporter.say(f"{self._stage} ends early: no better validation for {p.stale} times")
        return None

    def _step(self, rate: functools.partial[float]) -> float:
        p = self.progress
        self.objective.train()
        self.together.seed_step(self.recipe.recipe.seed, p.step)
        batch = self.fabric.to_device(self.crops.batch(p.step))
        values = self.players.step(batch, lambda player: rate(player.lr), self._check_finite)
        p.step, p.stage_step, p.count = p.step + 1, p.stage_step + 1, p.count + 1
        if self.average:
            self.average.update_parameters(self.objective)
        for name, value in values.items():
            p.sums[name] = p.sums.get(name, 0.0) + value
        return values["loss"]

    def _check_finite(self, values: Mapping[str, float]) -> None:
        if all(map(math.isfinite, values.values())):
            return
        what = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        state, t = self.records.state, self.recipe.train
        kept = f"the last good state is {state}" if state.exists() else "no state was saved yet"
        raise TrainingError(
            f"step {self.progress.step} of stage {self._stage!r} is not finite: {what}; {kept}. "
            f"Start a new run with a lower train.lr (now {t.lr:g}) or train.gradient_clip "
            f"(now {t.gradient_clip:g}), or look for silent or broken clips"
        )

    def _validate(self, lr: float, left_s: float) -> None:
        """Let the first process validate; the others hear what it found."""
        p, model = self.progress, self._evaluated
        found = None
        if self.together.first:
            found = evaluate(model, self.validation, self.fabric, self.recipe.recipe.seed)
        parts: dict[str, float] = self.together.tell(found)
        self._check_finite(parts)
        self._write("validation", parts, lr)
        is_best = p.best is None or parts["loss"] < p.best
        if is_best:
            p.best, p.best_step, p.stale = parts["loss"], p.step, 0
            if self.together.first:
                self._keep_best(model, parts)
        else:
            p.stale += 1
        self.reporter.validated(
            self._stage, p.stage_step, self._steps_of(self._stage), parts, is_best, left_s
        )

    def _keep_best(self, model: Objective, parts: Mapping[str, float]) -> None:
        health = latent_health(model, self.validation, self.instruments, self.fabric)
        batches = -(-len(self.validation) // self.recipe.train.batch_size)
        codes = code_statistics(model, map(self.crops.whole, range(batches)), self.fabric)
        self.records.best(self.progress, self._stage, model, parts, {"health": health, "codes": codes})

    def _log(self, lr: float) -> None:
        p = self.progress
        self._write("train", {name: value / p.count for name, value in p.sums.items()}, lr)
        p.sums, p.count = {}, 0

    def _write(self, split: str, parts: Mapping[str, float], lr: float) -> None:
        self._tick()
        epoch = self.progress.step / self.crops.steps_per_epoch
        if self.together.first:
            self.records.curve(self.progress, (epoch, self._stage, split), parts, lr)

    def _save(self) -> None:
        self.players.check_weights(self._check_finite)
        self._tick()
        if self.together.first:
            self.records.save(self.progress, self._modules, self.players.optimizers)

    def _end(self, reason: Ending) -> RunOutcome:
        p = self.progress
        if reason != "finished":
            self._save()
            if self.together.first and p.step > 0 and not has_best(self.records.folder):
                self.records.early(p, self._stage, self._evaluated)
        if self.together.first:
            self.records.end()
        folder = self.records.folder
        return RunOutcome(folder, reason, p.step, p.best, exportable=has_checkpoint(folder))

    def _tick(self) -> None:
        self.progress.seconds = time.monotonic() - self._clock
