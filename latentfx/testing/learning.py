"""Checks of a method: what its losses are, what learns and what does not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from latentfx.methods.base import Objective
from latentfx.testing.report import Check
from latentfx.testing.trial import Batch, Life, Trial, changed, weights_of

SHOWN = 5


def check_loss(trial: Trial) -> Check:
    """Every loss of every stage is a finite scalar, and so is every part of it."""
    objective, batches = trial.prepared()
    return counted(
        "loss",
        _each_stage(objective, trial, batches, _odd_parts),
        "parts that are no finite scalars",
        "A loss returns 'loss' and other scalars by name, none of them NaN or infinite",
    )


def check_one_clip(trial: Trial) -> Check:
    """So for a batch of one clip."""
    objective, batches = trial.prepared()
    alone = [{name: value[:1] for name, value in batch.items()} for batch in batches]
    bad = _each_stage(objective, trial, alone, _odd_parts, trains=False)
    return counted(
        "one_clip",
        bad,
        "parts that are no finite scalars",
        f"With a batch of one clip, {listed(bad)}: a variance over one point, or a mean over none?",
    )


def check_validation(trial: Trial) -> Check:
    """Preparing again, and scoring in evaluation mode, leave everything as it was."""
    objective, batches = trial.prepared()
    before = weights_of(objective)
    objective.prepare(trial.examples[:1])
    moved = changed(before, weights_of(objective))

    def score(objective: Objective, batch: Batch) -> list[str]:
        before = weights_of(objective)
        with torch.no_grad():
            objective.eval().loss(dict(batch))
        return changed(before, weights_of(objective))

    moved += _each_stage(objective, trial, batches, score)
    return counted(
        "validation",
        moved,
        "values changed",
        f"Validation changed {listed(moved)}. Set statistics in the first call of prepare alone, and update "
        "running values only where self.training",
    )


def check_learning(trial: Trial) -> Check:
    """Every parameter of every player gets a gradient in some stage."""
    objective, batches = trial.prepared()
    names = {id(value): name for name, value in objective.named_parameters()}
    life, still = Life(objective), set(names.values())
    owned = [id(value) for player in life.players for value in player.parameters]
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        for batch in trial.part(batches, index):
            life.train([batch])
            for value in (value for player in life.players for value in player.parameters):
                if value.grad is not None and bool(value.grad.any()):
                    still.discard(names.get(id(value), ""))
    idle = still & {names[key] for key in owned if key in names}
    shared = {names.get(key, "?") for key, players in Counter(owned).items() if players > 1}
    return counted(
        "learning",
        [*idle, *shared],
        "parameters",
        f"No stage gives a gradient to {listed(idle)}; two players move {listed(shared)}. Use every "
        "parameter in the loss of one player, or make it a buffer",
    )


def check_frozen(trial: Trial) -> Check:
    """What no player moves stays as it is: teachers, and parameters outside of the players."""
    objective, batches = trial.prepared()
    life, loose = Life(objective), list[str]()
    own = {id(value) for player in life.players for value in player.parameters}
    first = set(objective.state_dict())
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        objective.train()
        loose += [n for n, p in objective.named_parameters() if p.requires_grad and id(p) not in own]
        added = set(objective.state_dict()) - first
        loose += [name for name, module in objective.named_modules() if _is_awake(module, name, added)]
        before = {name: value for name, value in weights_of(objective).items() if name in added}
        life.train(trial.part(batches, index))
        after = {name: value for name, value in weights_of(objective).items() if name in added}
        loose += changed(before, after)
    return counted(
        "frozen",
        loose,
        "values not frozen",
        f"Not frozen: {listed(loose)}. Call requires_grad_(False) on a copy that a stage makes, and keep it "
        "in evaluation mode where train() is called",
    )


def check_codes(trial: Trial) -> Check:
    """Codes are finite, have stable names and sizes, and the model does not notice that they are read."""
    objective, batches = trial.prepared()
    sizes: dict[str, int] = {}

    def read(objective: Objective, batch: Batch) -> list[str]:
        before = weights_of(objective)
        with torch.no_grad():
            objective.eval()
            codes, again = objective.codes(dict(batch)), objective.codes(dict(batch))
        if not sizes:
            sizes.update({name: value.shape[-1] for name, value in codes.items()})
        wrong = [name for name, value in codes.items() if not bool(value.isfinite().all())]
        wrong += changed(codes, again)
        wrong += changed(before, weights_of(objective))
        shapes = {name: value.shape[-1] for name, value in codes.items()}
        return wrong + [name for name in {*shapes, *sizes} if shapes.get(name) != sizes.get(name)]

    wrong = _each_stage(objective, trial, batches, read)
    return counted(
        "codes",
        wrong,
        "codes or values",
        f"Look at {listed(wrong)}: a code is finite, the same for the same batch in evaluation mode, of the "
        "same name and size in every batch and stage, and changes nothing in the model",
    )


def counted(name: str, wrong: Iterable[str], unit: str, advice: str) -> Check:
    """A check that allows nothing wrong."""
    return Check(name, float(len(set(wrong))), 0.0, unit, advice)


def listed(names: Iterable[str]) -> str:
    """The first few of some names, each once."""
    each = sorted(set(names))
    more = f" and {len(each) - SHOWN} more" if len(each) > SHOWN else ""
    return (", ".join(each[:SHOWN]) or "nothing") + more


def _odd_parts(objective: Objective, batch: Batch) -> list[str]:
    parts: Mapping[str, Tensor] = objective.train().loss(dict(batch))
    if "loss" not in parts:
        return ["loss"]
    return [n for n, v in parts.items() if v.dim() or not math.isfinite(float(v.detach()))]


def _each_stage(
    objective: Objective,
    trial: Trial,
    batches: Sequence[Batch],
    look: Callable[[Objective, Batch], list[str]],
    trains: bool = True,
) -> list[str]:
    """Look at an objective with every batch of every stage, and train it on them."""
    life, found = Life(objective), list[str]()
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        for batch in trial.part(batches, index):
            found += look(objective, batch)
            if trains:
                life.train([batch])
    return found


def _is_awake(module: torch.nn.Module, name: str, added: set[str]) -> bool:
    """Whether a module that a stage added would draw random numbers, or learn statistics, in training."""
    return module.training and bool(name) and any(key.startswith(f"{name}.") for key in added)
