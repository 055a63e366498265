"""The whole state of a run in one file, so that a run that was stopped goes on as if it had not been."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from latentfx.errors import CheckpointError
from latentfx.training.runs.checkpoint import read_tensors, write_tensors
from latentfx.training.runs.rng import restore_rng, rng_json, rng_tensors

SCHEMA = 1
WORDS = ("description", "licence", "notes")


@dataclass
class Position:
    """Where a run is. The one mutable record of the loop.

    Args:
        stage: index of the stage.
        stage_step: steps done in it.
        step: steps done in all.
        best: best validation loss of this stage; None before the first.
        best_step: the step that it belongs to.
        stale: validations since.
        seconds: time spent so far.
        sums: loss parts, summed since the last row of the curves.
        count: steps in the sums.
        curves_bytes: length of the curves file; later rows are cut off on resuming.
    """

    stage: int = 0
    stage_step: int = 0
    step: int = 0
    best: float | None = None
    best_step: int = 0
    stale: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    curves_bytes: int = 0

    def forget_best(self) -> None:
        """Enter a new stage: its loss means something else, so the best and the patience start anew."""
        self.stage_step = 0
        self.best, self.best_step, self.stale = None, 0, 0


def save_state(
    path: Path,
    progress: Position,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, Optimizer],
    settings: Mapping[str, Any],
    data: Mapping[str, Tensor] | None = None,
) -> None:
    """Write everything that the next step depends on.

    Args:
        path: one safetensors file.
        progress: where the run is.
        modules: prefix -> module (the model, its running average).
        optimizers: player -> an Adam-like optimiser, whose state is tensors. The first one is stored without
            its player's name, as it was when all runs had one.
        settings: what the run was started with; `load_state` refuses others.
        data: side of the data -> marks of its examples; see `latentfx.training.runs.fingerprint`.
    """
    tensors = {f"{key}.{n}": t for key, module in modules.items() for n, t in module.state_dict().items()}
    for prefix, optimizer in zip(_prefixes(optimizers), optimizers.values(), strict=True):
        for index, values in optimizer.state_dict()["state"].items():
            tensors.update({f"{prefix}{index}.{name}": value for name, value in values.items()})
    tensors.update({f"data.{side}": marks for side, marks in (data or {}).items()})
    tensors.update({f"rng.{name}": value for name, value in rng_tensors().items()})
    header = {
        "schema": SCHEMA,
        "progress": dataclasses.asdict(progress),
        "rng": rng_json(),
        "settings": dict(settings),
    }
    write_tensors(path, tensors, header)


@dataclass(frozen=True)
class SavedState:
    """What `save_state` wrote, read back."""

    path: Path
    progress: Position
    tensors: Mapping[str, Tensor]
    rng: Mapping[str, Any]

    @property
    def data(self) -> dict[str, Tensor]:
        """Side of the data -> marks of its examples; empty where an earlier version wrote the state."""
        return self._below("data.")

    def restore(self, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> None:
        """Put everything back, the random generators last.

        Raises:
            CheckpointError: the state does not fit the modules.
        """
        try:
            for key, module in modules.items():
                module.load_state_dict(self._below(f"{key}."))
            for prefix, optimizer in zip(_prefixes(optimizers), optimizers.values(), strict=True):
                state: dict[int, dict[str, Tensor]] = {}
                for name, value in self._below(prefix).items():
                    index, _, entry = name.partition(".")
                    if index.isdecimal():
                        state.setdefault(int(index), {})[entry] = value
                optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
            restore_rng(self._below("rng."), self.rng)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{self.path} does not fit this run: {error}") from None

    def _below(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _prefixes(names: Iterable[str]) -> list[str]:
    """Of the tensors of each player's optimiser."""
    return [f"optimizer.{name}." if index else "optimizer." for index, name in enumerate(names)]


def load_state(
    path: Path,
    settings: Mapping[str, Any],
    todays: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda kept: kept,
) -> SavedState:
    """Read a state, if it belongs to the run with these settings.

    Args:
        path: one safetensors file.
        settings: of the run.
        todays: turns settings that an earlier version kept into those that this version would keep.

    Raises:
        CheckpointError: damaged, of another schema, or started with other settings (the message names them).
    """
    try:
        tensors, header = read_tensors(path)
        _check_finite(tensors)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}. Delete this file to train anew; the checkpoints beside it (best-STAGE) stay usable"
        ) from None
    if header.get("schema") != SCHEMA:
        raise CheckpointError(f"{path} has the schema {header.get('schema')!r}; this latentfx reads {SCHEMA}")
    old = todays(header.get("settings", {}))
    changes = _differences(_without_words(old), _without_words(settings))
    if changes:
        raise CheckpointError(
            f"{path} belongs to another recipe: {'; '.join(changes)}. "
            "Put these settings back to resume, or give another --out to start a new run"
        )
    try:
        return SavedState(path, Position(**header["progress"]), tensors, header["rng"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not the state of a run: {error}") from None


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse a state of broken numbers. What the optimisers keep shows them, as soon as one step saw them."""
    kept = {name: value for name, value in tensors.items() if name.startswith("optimizer.")}
    broken = [name for name, value in kept.items() if not torch.isfinite(value).all()]
    if broken:
        raise CheckpointError(f"{broken[0]} of the state holds numbers that are not finite")


def _without_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that change nothing in a run: what is written for people, where curves go."""
    recipe = {key: value for key, value in settings.get("recipe", {}).items() if key not in WORDS}
    train = {key: value for key, value in settings.get("train", {}).items() if key != "tensorboard"}
    return {**settings, "recipe": recipe, "train": train}


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = sorted({*old, *new})
        return [c for k in keys for c in _differences(old.get(k), new.get(k), f"{where}.{k}".lstrip("."))]
    if isinstance(old, tuple | list) and isinstance(new, tuple | list):
        return [] if list(old) == list(new) else [f"{where} was {list(old)!r}, now {list(new)!r}"]
    return [] if old == new else [f"{where} was {old!r}, now {new!r}"]
