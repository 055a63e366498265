"""Trained weights on disk: a folder with `weights.safetensors` and `card.json`. Data only, never pickle.

The card says what the weights are: recipe, metrics, data, versions, seed, wall time, licence. It is also in
the header of the weights file, which is the copy that `load_checkpoint` reads, so that the two cannot part.
"""

from __future__ import annotations

import json
import platform
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from latentfx.errors import CheckpointError, LatentFXError, RecipeError
from latentfx.files import write_bytes, write_text
from latentfx.methods.base import Objective
from latentfx.names import shown
from latentfx.strict_json import read_json
from latentfx.training import catalogue
from latentfx.training.recipes.settings import read_settings

SCHEMA = 1
WEIGHTS, CARD = "weights.safetensors", "card.json"
EARLY = "unvalidated"
"""Checkpoint of a run that was stopped before its first validation."""
_HEADER, _CHECKSUM = "latentfx", "crc32"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors, a JSON header and a checksum as one safetensors file, atomically."""
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    more = {_HEADER: json.dumps(header), _CHECKSUM: str(_checksum(plain))}
    write_bytes(path, safetensors.torch.save(plain, more))


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """Of the names and values of tensors that are contiguous and on the CPU."""
    found = 0
    for name in sorted(tensors):
        found = zlib.crc32(name.encode(), found)
        found = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, found)
    return found


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises:
        CheckpointError: no such file, not safetensors, without our header, or not what was written. Files of
            earlier versions have no checksum.
    """
    try:
        path.open("rb").close()  # safetensors tells of every file that it cannot open that it is not there
        with safetensors.safe_open(path, "pt") as file:
            told = file.metadata()
            header = read_json(told[_HEADER], constants=True)
            if not isinstance(header, dict):
                raise ValueError(f"its card is a {type(header).__name__}; allowed is an object")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if told.get(_CHECKSUM) not in (None, str(_checksum(tensors))):
            raise ValueError("its values are not those that were written")
        return tensors, header
    except OSError as error:
        raise CheckpointError(f"{path} is not a checkpoint of latentfx: {error.strerror or error}") from None
    except safetensors.SafetensorError:
        raise CheckpointError(
            f"{path} is not a checkpoint of latentfx: it is no .safetensors file, or a damaged one"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint of latentfx: {error}") from None


def save_checkpoint(
    folder: Path, objective: Objective, card: Mapping[str, Any], code: Mapping[str, bytes] | None = None
) -> None:
    """Write weights and card, and beside them the code that they need.

    Args:
        folder: made where absent; what it held is replaced.
        objective: its `state_dict` is what is written.
        card: as JSON can hold it; must have `recipe`, `method_config` and `stage_index`.
        code: files that the recipe names (`Recipe.read_code`): name -> text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    full = {"schema": SCHEMA, "revision": objective.revision, **card, "versions": versions()}
    write_tensors(folder / WEIGHTS, objective.state_dict(), full)
    write_text(folder / CARD, json.dumps(full, indent=2) + "\n")
    for name, text in (code or {}).items():
        write_bytes(folder / name, text)


def load_checkpoint(
    path: str | Path, method: type[Objective] | None = None, trust: bool = False
) -> tuple[Objective, dict[str, Any]]:
    """Build the objective that a checkpoint holds.

    Args:
        path: a checkpoint folder, its weights file, or a run folder (whose last stage's best is taken).
        method: class of the objective; None takes the one that the card's method name stands for.
        trust: whether code outside the catalogue may run, if the card names some.
    Returns:
        the objective in evaluation mode on the CPU, and its card.
    Raises:
        CheckpointError: damaged, of another schema or revision, or weights that do not fit the method.
        TrustError: the card names code outside the catalogue, and `trust` is not set.
    """
    file = _weights_file(Path(path))
    tensors, card = read_tensors(file)
    if not {"recipe", "method_config", "stage_index"} <= card.keys():
        raise CheckpointError(f"{file} is no trained model; give a run folder, or its best-STAGE/{WEIGHTS}")
    if card.get("schema") != SCHEMA:
        raise CheckpointError(f"{file} has the schema {card.get('schema')!r}; this latentfx reads {SCHEMA}")
    with reading_card(file):
        method = method or method_of(file, card, trust).load_objective()
        _check_revision(file, card, method)
        objective = build_objective(method, card["method_config"], card["stage_index"])
        objective.load_state_dict(tensors)
    return objective.eval(), card


@contextmanager
def reading_card(path: str | Path) -> Iterator[None]:
    """Make one error of whatever a card leads to that makes no sense.

    Raises:
        CheckpointError: it makes none.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        ours = isinstance(error, LatentFXError)
        if ours and not isinstance(error, RecipeError):
            raise
        what = shown(error if ours else f"{type(error).__name__} {error}", 500)
        raise CheckpointError(f"{path} does not fit its method: {what}") from None


def build_objective(method: type[Objective], settings: Any, stage: Any) -> Objective:
    """An objective with fresh weights, as it is once a stage has begun.

    Args:
        method: class of the objective.
        settings: of the method, as a card holds them.
        stage: index of the stage.
    Raises:
        RecipeError: settings that the method does not have, or does not allow.
        ValueError: no such stage.
    """
    config: Any = read_settings(method.config_type, settings, "method")
    if type(stage) is not int or not 0 <= stage < len(method.stages):
        raise ValueError(f"stage is {shown(stage, 30)}; allowed 0 to {len(method.stages) - 1}")
    objective = method(config)
    for index in range(stage + 1):
        objective.begin_stage(index)
    return objective


def method_of(path: str | Path, card: Mapping[str, Any], trust: bool = False) -> catalogue.Method:
    """The method of a checkpoint; files of code that it names lie beside the weights.

    Args:
        path: as `load_checkpoint` takes it.
        card: of the checkpoint.
        trust: whether code outside the catalogue may be named.
    Raises:
        RecipeError: no method of that name.
        TrustError: code outside the catalogue that is not trusted.
    """
    return catalogue.of_recipe(card["recipe"], _weights_file(Path(path)).parent, trust)


def _check_revision(file: Path, card: Mapping[str, Any], method: type[Objective]) -> None:
    found = card.get("revision", method.revision_of(card["method_config"]))
    if found != method.revision:
        raise CheckpointError(
            f"{file} has the revision {found} of its method, this latentfx {method.revision}: the same "
            "weights stand for something else there. Train it again, or use the latentfx that trained it"
        )


def versions() -> dict[str, str]:
    """Versions of what computed the weights."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version("latentfx")
    except PackageNotFoundError:
        own = "unknown"
    return {"latentfx": own, "python": platform.python_version(), "torch": str(torch.__version__)}


def _weights_file(path: Path) -> Path:
    if path.is_file():
        return path
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    with reading_card(path):
        found = sorted(path.glob(f"best-*/{WEIGHTS}"), key=lambda file: read_tensors(file)[1]["stage_index"])
    if found:
        return found[-1]
    if (path / EARLY / WEIGHTS).is_file():
        return path / EARLY / WEIGHTS
    raise CheckpointError(
        f"{path} holds no {WEIGHTS}; give a checkpoint folder or the folder of a run that has done some steps"
    )
