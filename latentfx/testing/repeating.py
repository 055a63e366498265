"""Checks of a method: that a training can be repeated, stopped, restored and moved."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from latentfx.methods.base import Objective
from latentfx.testing.drive import gap
from latentfx.testing.learning import counted, listed
from latentfx.testing.report import Check
from latentfx.testing.trial import Batch, Life, Trial, Weights, changed, weights_of

_OWN = {"_parameters", "_buffers", "_modules"}
_NEEDS_VALUES = ("meta tensor", "data-independent", "data-dependent", "meta device type")


def check_same_seed(trial: Trial) -> Check:
    """Two trainings with one seed have the same losses and weights."""
    lives = []
    for _ in range(2):
        objective, batches = trial.prepared()
        life = Life(objective)
        torch.manual_seed(trial.seed + 1)
        for index in range(len(objective.stages)):
            objective.begin_stage(index)
            life.train(trial.part(batches, index))
        lives.append(life)
    first, second = lives
    return Check(
        "same_seed",
        _furthest(first.losses, second.losses) + len(changed(*map(_weights, lives))),
        0.0,
        "difference of losses, and values changed",
        "Draw random numbers from torch's global generator alone, and never from the clock or from hashes",
    )


def check_stages(trial: Trial) -> Check:
    """Begun again on a fresh objective, the stages make a model that the weights fit."""
    objective, batches = trial.prepared()
    life, unfit = Life(objective), list[str]()
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        life.train(trial.part(batches, index))
        saved, built = _shapes(objective), _shapes(_begun(trial, index).objective)
        unfit += [name for name in {*saved, *built} if saved.get(name) != built.get(name)]
    return counted(
        "stages",
        unfit,
        "values that do not fit",
        f"Look at {listed(unfit)}: what prepare and begin_stage add must depend on the config and on the "
        "index alone, or a checkpoint cannot be opened",
    )


def check_resume(trial: Trial) -> Check:
    """A training that is stopped and restored in any stage goes on as if it had not been."""
    objective, batches = trial.prepared()
    life, far, moved = Life(objective), 0.0, list[str]()
    torch.manual_seed(trial.seed + 1)
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        part = trial.part(batches, index)
        life.train(part[: trial.steps])
        saved, done = life.snapshot(), len(life.losses)
        life.train(part[trial.steps :])
        rng = torch.get_rng_state()
        again = _begun(trial, index)
        saved.restore(again)
        again.train(part[trial.steps :])
        far = max(far, _furthest(life.losses[done:], again.losses))
        moved += changed(_weights(life), _weights(again))
        torch.set_rng_state(rng)
    return Check(
        "resume",
        far + len(set(moved)),
        0.0,
        "difference of losses, and values changed",
        f"After a restart {listed(moved)} came out otherwise. Keep in parameters and buffers all that a step "
        "or prepare leaves behind",
    )


def check_devices(trial: Trial) -> Check:
    """Nothing stays behind when the objective moves to another device."""
    objective, batches = trial.prepared()
    behind = list[str]()
    for index in range(len(objective.stages)):
        objective.begin_stage(index)
        moved = copy.deepcopy(objective).to("meta")
        behind += [name for name, value in _held(moved) if value.device.type != "meta"]
        batch = trial.part(batches, index)[0]
        behind += _fails_on("meta", moved, batch)
        if torch.cuda.is_available():
            behind += _fails_on("cuda", copy.deepcopy(objective).to("cuda"), batch)
    return counted(
        "devices",
        behind,
        "left behind",
        f"Left behind: {listed(behind)}. Register tensors as buffers (persistent=False where they follow "
        "from the config), modules as attributes, and make new tensors on the device of the batch",
    )


def _weights(life: Life) -> Weights:
    return weights_of(life.objective)


def _begun(trial: Trial, index: int) -> Life:
    """A fresh objective, its stages begun up to this one; it has prepared nothing."""
    life = Life(trial.fresh())
    for earlier in range(index + 1):
        life.objective.begin_stage(earlier)
    return life


def _shapes(objective: Objective) -> Mapping[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in objective.state_dict().items()}


def _furthest(first: list[float], second: list[float]) -> float:
    return gap(torch.tensor(first), torch.tensor(second))


def _fails_on(device: str, objective: Objective, batch: Batch) -> list[str]:
    """The error of a loss that mixes devices; on `meta`, it is followed up to the first need of values."""
    try:
        objective.train().loss({name: value.to(device) for name, value in batch.items()})
    except (RuntimeError, NotImplementedError, TypeError) as error:
        text = str(error)
        if device == "meta" and any(words in text for words in _NEEDS_VALUES):
            return []
        return [f"loss on {device} ({text.splitlines()[0]})"]
    return []


def _held(objective: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Tensors of an objective that are neither parameters nor buffers of a registered module."""
    seen = {id(module) for module in objective.modules()}
    for name, module in objective.named_modules():
        for key, value in vars(module).items():
            if key not in _OWN:
                yield from _tensors(value, f"{name}.{key}".lstrip("."), seen)


def _tensors(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    if isinstance(value, Tensor | str | type) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, nn.Module):
        for key, part in [*value.named_parameters(), *value.named_buffers()]:
            yield f"{name}.{key}", part
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _tensors(part, f"{name}.{key}", seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _tensors(part, name, seen)
    elif dataclasses.is_dataclass(value):
        yield from _tensors(vars(value), name, seen)
