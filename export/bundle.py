"""What every plugin file has: checked provenance, metadata, and a write that is whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentfx.errors import ExportError
from latentfx.files import write_bytes
from latentfx.host.code_map import find_maps
from latentfx.host.plugin_file import MAX_METADATA_BYTES, MAX_STATE_VALUES, Metadata, dump_metadata
from latentfx.plugin import Plugin, State

REQUIRED_PROVENANCE = ("method", "licence", "date", "versions")
_STATE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def require_provenance(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provenance as a dict, or raise when a required entry is missing or empty.

    Raises:
        ExportError: an entry of `REQUIRED_PROVENANCE` is missing.
    """
    missing = [key for key in REQUIRED_PROVENANCE if not provenance.get(key)]
    if missing:
        raise ExportError(
            f"provenance lacks {', '.join(missing)}; a plugin file must say where it comes from. Add "
            "method (paper or recipe), licence (of the training data and the weights), date (ISO 8601) and "
            "versions (package -> version)"
        )
    return dict(provenance)


def initial_row(plugin: Plugin) -> State:
    """State of one batch row at the start of a stream, its names and dtypes checked.

    Shape:
        each value [1, ...], float32
    Raises:
        ExportError: a state that a plugin file cannot hold.
    """
    state = plugin.initial_state(1)
    for name, value in state.items():
        _check_state(name, value)
    return {name: value.detach().cpu() for name, value in state.items()}


def metadata_text(
    plugin: Plugin, state: State, provenance: Mapping[str, Any], report: Mapping[str, Any]
) -> str:
    """Write the JSON of a plugin file.

    Raises:
        ExportError: a value that JSON cannot hold, or more text than a plugin file may carry.
    """
    rows = {name: value[0].numpy() for name, value in state.items()}
    maps = find_maps(
        plugin.spec, {name: weight.cpu().numpy() for name, weight in plugin.state_dict().items()}
    )
    try:
        text = dump_metadata(Metadata(plugin.spec, rows, require_provenance(provenance), report, maps))
    except (TypeError, ValueError) as error:
        raise ExportError(
            f"provenance or report holds what JSON cannot: {error}. Use text, finite numbers, lists and dicts"
        ) from error
    if len(text) > MAX_METADATA_BYTES:
        raise ExportError(
            f"the metadata takes {len(text)} bytes; allowed {MAX_METADATA_BYTES}. "
            "Shorten the report, or start large states at a constant"
        )
    return text


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary file beside it, then a rename.

    Raises:
        ExportError: the folder is missing or the disk refuses.
    """
    try:
        write_bytes(path, data)
    except OSError as error:
        if not path.parent.is_dir():
            raise ExportError(f"cannot write in {path.parent}: {error.strerror}. Is it a folder?") from error
        raise ExportError(f"cannot write {path}: {error.strerror}. What was there is unchanged") from error


def _check_state(name: str, value: Tensor) -> None:
    if not _STATE_NAME.fullmatch(name) or name.endswith("_out"):
        raise ExportError(
            f"state {name!r} cannot be named in a plugin file; allowed letters, digits and _, "
            "not ending in _out"
        )
    if value.dtype != torch.float32:
        raise ExportError(f"state {name!r} is {value.dtype}; allowed torch.float32. Convert it")
    if value.dim() < 1 or value.shape[0] != 1:
        raise ExportError(
            f"state {name!r} has the shape {tuple(value.shape)} for one row; allowed (1, ...), batch first"
        )
    if value.numel() > MAX_STATE_VALUES:
        raise ExportError(f"state {name!r} has {value.numel()} values; allowed {MAX_STATE_VALUES}")
