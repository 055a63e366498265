"""Where the data of a recipe lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from latentfx.errors import DataError

DATA_ROOT_VARIABLE = "LATENTFX_DATA"
MOST_NAMES = 8
"""Files and folders that an error lists."""


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
    place = Path(os.path.expandvars(path)).expanduser()
    full = root / place
    if not full.exists():
        raise DataError(f"{key}: there is no {full}; {_cure(place, root, key)}")
    return full


def _cure(place: Path, root: Path, key: str) -> str:
    """What to do about a place that does not exist, and what the folder holds in which it was looked for."""
    change = f"name another place with --set '{key}=...'"
    if place.is_absolute():
        return f"put the data there, or {change}"
    where = f"relative paths count from --data or from {DATA_ROOT_VARIABLE} (now {root}"
    if not root.is_dir():
        return f"{where}): set it to the folder that holds the data"
    return f"{where}, which holds {_listed(root)}): put the data there, or {change}"


def _listed(folder: Path) -> str:
    names = sorted(item.name + "/" * item.is_dir() for item in folder.iterdir())
    more = len(names) - MOST_NAMES
    return (", ".join(names[:MOST_NAMES]) or "nothing") + (f" and {more} more" if more > 0 else "")
