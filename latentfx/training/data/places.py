"""Where the data of a recipe lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from latentfx.errors import DataError

DATA_ROOT_VARIABLE = "LATENTFX_DATA"


def resolve_path(path: str, data_root: Path | None, key: str) -> Path:
    """Turn a path of a recipe into one on this machine.

    A relative path counts from `data_root`, else from the environment variable LATENTFX_DATA, else from
    the current folder; an empty path is that root itself. `~` and `$VARIABLES` are replaced.

    Raises:
        DataError: nothing is there, or neither path nor root is set; the message names the key.
    """
    root = data_root or Path(os.environ.get(DATA_ROOT_VARIABLE) or ".")
    if not path and root == Path():
        raise DataError(f"{key} is not set; name a folder there, or with --data or {DATA_ROOT_VARIABLE}")
    full = root / Path(os.path.expandvars(path)).expanduser()
    if not full.exists():
        raise DataError(
            f"{key}: there is no {full}; relative paths count from --data or from {DATA_ROOT_VARIABLE} "
            f"(now {root}): set it to the folder that holds the data"
        )
    return full
