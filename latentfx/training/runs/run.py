"""One run in one folder: its steps, validations and saves, in an order that never depends on the clock."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import nn

from latentfx.errors import TrainingError
from latentfx.methods.base import AnyExample, Objective
from latentfx.training.recipes.config import Recipe, as_table
from latentfx.training.runs.checkpoint import save_checkpoint
from latentfx.training.runs.curves import Curves, draw_curves
from latentfx.training.runs.device import Device
from latentfx.training.runs.ema import RunningAverage
from latentfx.training.runs.health import latent_health
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.sampling import FixedCrops, RandomCrops
from latentfx.training.runs.schedule import learning_rate
from latentfx.training.runs.state import Progress, SavedState, save_state
from latentfx.training.runs.stopping import Reason, Stopper
from latentfx.training.runs.validation import evaluate, numbers

LOG_EVERY = 50
STATE, CURVES, PICTURE = "state.safetensors", "curves.csv", "curves.png"


class AnyDataset(Protocol):
    """Clips to train on, clips of other recordings to validate on, and the card that describes them."""

    @property
    def train(self) -> Sequence[AnyExample]: ...
    @property
    def validation(self) -> Sequence[AnyExample]: ...
    @property
    def card(self) -> Mapping[str, object]: ...


@dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    Args:
        folder: the run folder.
        reason: `finished`; `time` or `interrupted` when a further call would go on.
        step: steps done in all.
        best: best validation loss of the last stage that was reached; None before its first validation.
    """

    folder: Path
    reason: Literal["finished", "time", "interrupted"]
    step: int
    best: float | None


class Run:
    """One run.

    Args:
        recipe: what to train.
        folder: where; it exists.
        settings: the recipe with every default written out, which a resumed run must share.
        objective: fresh from its config.
        clips: training data.
        device: where to compute.
        reporter: shows progress.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        settings: Mapping[str, Any],
        objective: Objective,
        clips: AnyDataset,
        device: Device,
        reporter: Reporter,
    ) -> None:
        self.recipe, self.folder, self.settings, self.device = recipe, folder, settings, device
        self.reporter = reporter
        t = recipe.train
        self.objective = objective.to(device.place)
        cache = objective.prepare(clips.train).to(device.place)
        self.crops = RandomCrops(cache, t.crop_frames, t.batch_size, recipe.recipe.seed)
        held_out = objective.prepare(clips.validation).to(device.place)
        self.validation = FixedCrops(held_out, t.crop_frames, t.batch_size, t.validation_crops)
        self.instruments = [clip.instrument for clip in clips.validation]
        if self.crops.left_out:
            self.reporter.say(f"left out {self.crops.left_out} clips shorter than {t.crop_frames} frames")
        self.data_card = dict(clips.card)
        self.optimizer = torch.optim.AdamW(objective.parameters(), lr=t.lr, weight_decay=t.weight_decay)
        self.code = recipe.read_code()
        self.average: RunningAverage | None = None
        self.progress = Progress()

    def go(self, saved: SavedState | None, stopper: Stopper) -> Outcome:
        """Train until the end, the limit or a signal."""
        self._start(saved)
        self._clock = time.monotonic() - self.progress.seconds
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
        last = len(self.objective.stages) - 1
        for index in range(min(self.progress.stage, last) + 1):
            self._begin_stage(index)
        if saved is not None:
            saved.restore(self._modules, self.optimizer)
            self.reporter.say(f"going on at step {self.progress.step} of {self.folder}")
        self.curves = Curves(self.folder / CURVES, self.progress.curves_bytes)

    def _begin_stage(self, index: int) -> None:
        self.objective.begin_stage(index)
        self.objective.to(self.device.place)
        known = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        new = [n for n, p in self.objective.named_parameters() if p.requires_grad and id(p) not in known]
        if new:
            raise TrainingError(
                f"stage {self.objective.stages[index]!r} of {type(self.objective).__name__} trains {new}, "
                "which did not exist at the start; make every trained parameter in __init__ and freeze copies"
            )
        decay = self.recipe.train.ema
        self.average = RunningAverage(self.objective, decay) if decay > 0 else None

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.objective, **({"ema": self.average.module} if self.average else {})}

    @property
    def _evaluated(self) -> Objective:
        return self.average.module if self.average else self.objective

    @property
    def _stage(self) -> str:
        return self.objective.stages[self.progress.stage]

    @property
    def _total(self) -> int:
        length = self.recipe.train.stages[self._stage]
        return length.steps or (length.epochs or 0) * self.crops.steps_per_epoch

    @property
    def _out_of_patience(self) -> bool:
        patience = self.recipe.train.patience
        return patience > 0 and self.progress.stale >= patience

    @property
    def _epoch(self) -> float:
        return self.progress.step / self.crops.steps_per_epoch

    def _train_stage(self, stopper: Stopper) -> Reason | None:
        p, t, total = self.progress, self.recipe.train, self._total
        self.reporter.begin_stage(self._stage, p.stage_step, total)
        began, first = time.monotonic(), p.stage_step
        while p.stage_step < total and not self._out_of_patience:
            if stopper.reason is not None:
                return stopper.reason
            lr = learning_rate(t, t.stages[self._stage], p.stage_step, total, p.step)
            loss = self._step(lr)
            self.reporter.step(p.stage_step, loss)
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

    def _step(self, lr: float) -> float:
        p, t = self.progress, self.recipe.train
        self.objective.train()
        batch = self.device.batch(self.crops.batch(p.step))
        with self.device.autocast():
            parts = self.objective.loss(batch)
        values = numbers(parts)
        self._check_finite(values)
        self.optimizer.zero_grad(set_to_none=True)
        parts["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.objective.parameters(), t.gradient_clip or math.inf)
        self._check_finite({"gradient": float(norm)})
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        p.step, p.stage_step, p.count = p.step + 1, p.stage_step + 1, p.count + 1
        if self.average:
            self.average.update(self.objective, p.stage_step)
        for name, value in values.items():
            p.sums[name] = p.sums.get(name, 0.0) + value
        return values["loss"]

    def _check_finite(self, values: Mapping[str, float]) -> None:
        if all(map(math.isfinite, values.values())):
            return
        what = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        state = self.folder / STATE
        kept = f"the last good state is {state}" if state.exists() else "no state was saved yet"
        raise TrainingError(
            f"step {self.progress.step} of stage {self._stage!r} is not finite: {what}; {kept}. "
            f"Start a new run with a lower train.lr (now {self.recipe.train.lr:g}) or train.gradient_clip "
            f"(now {self.recipe.train.gradient_clip:g}), or look for silent or broken clips"
        )

    def _validate(self, lr: float, left_s: float) -> None:
        p, model = self.progress, self._evaluated
        parts = evaluate(model, self.validation, self.device, self.recipe.recipe.seed)
        self._check_finite(parts)
        self._tick()
        self.curves.write((p.step, self._epoch, self._stage, "validation"), parts, lr, p.seconds)
        is_best = p.best is None or parts["loss"] < p.best
        if is_best:
            p.best, p.best_step, p.stale = parts["loss"], p.step, 0
            health = latent_health(model, self.validation, self.instruments, self.device)
            save_checkpoint(self.folder / f"best-{self._stage}", model, self._card(parts, health), self.code)
        else:
            p.stale += 1
        self.reporter.validated(self._stage, p.stage_step, self._total, parts, is_best, left_s)

    def _log(self, lr: float) -> None:
        p = self.progress
        self._tick()
        parts = {name: value / p.count for name, value in p.sums.items()}
        self.curves.write((p.step, self._epoch, self._stage, "train"), parts, lr, p.seconds)
        p.sums, p.count = {}, 0

    def _save(self) -> None:
        self._tick()
        self.progress.curves_bytes = self.curves.size
        save_state(self.folder / STATE, self.progress, self._modules, self.optimizer, self.settings)

    def _end(self, reason: Literal["finished", "time", "interrupted"]) -> Outcome:
        p = self.progress
        if reason != "finished":
            self._save()
        draw_curves(self.folder / CURVES, self.folder / PICTURE)
        return Outcome(self.folder, reason, p.step, p.best)

    def _tick(self) -> None:
        self.progress.seconds = time.monotonic() - self._clock

    def _card(self, metrics: Mapping[str, float], health: Mapping[str, Any]) -> dict[str, Any]:
        p = self.progress
        return {
            "recipe": as_table(self.recipe),
            "method_config": dataclasses.asdict(self.objective.config),
            "stage": self._stage,
            "stage_index": p.stage,
            "step": p.step,
            "metrics": dict(metrics),
            "health": dict(health),
            "data": self.data_card,
            "seed": self.recipe.recipe.seed,
            "licence": self.recipe.recipe.licence,
            "wall_time_s": round(p.seconds, 1),
            "device": str(self.device.place),
            "threads": torch.get_num_threads(),
            "date": datetime.now(UTC).date().isoformat(),
        }
