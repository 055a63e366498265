"""Recordings in folders of this machine: what a path or a pattern means."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from latentfx.files import expanded
from latentfx.sound.targets import identity

Found = tuple[str, str]


def search(source: str, target: str) -> Iterator[Found]:
    """Find the files of one argument, of every kind, each with its path below the argument.

    Args:
        source: a file, a folder, or a pattern.
        target: folder of the results, which is not searched where it lies inside the source; may be a URL.
    """
    if os.path.isdir(source):  # noqa: PTH112  # Path.is_dir raises where a folder may not be entered
        inside = None if identity(Path(target)) == identity(Path(source)) else os.path.realpath(target)
        for path in _walk(source, inside):
            yield path, os.path.relpath(path, source)
    elif os.path.lexists(source) or not glob.has_magic(source):
        yield source, os.path.basename(source)  # noqa: PTH119  # a name of any bytes
    else:
        for name in sorted(glob.glob(source, recursive=True)):  # noqa: PTH207  # Path.glob wants a root
            yield name, os.path.basename(name)  # noqa: PTH119  # as above


def is_regular(path: str) -> bool:
    """Whether a path leads to a file that can be read as one; a link may lead there."""
    return os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder may not be entered


def stamp_of(path: str) -> tuple[str, object]:
    """What changes when a file changes, and what two paths of one file have in common.

    A file that is not there has an empty stamp.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  # called for every file
    except (OSError, ValueError):
        return "", os.path.realpath(path)
    return f"{found.st_size}:{found.st_mtime_ns}", (found.st_dev, found.st_ino)


def whole(path: str) -> str:
    """A path from the root, `~` replaced."""
    return os.path.abspath(expanded(path))  # noqa: PTH100  # a link stays as it is


def _walk(folder: str, left_out: str | None) -> Iterator[str]:
    """Every file below a folder, and the folders that are not entered: links, and those that are locked."""
    locked: list[OSError] = []
    for name, below, files in os.walk(folder, onerror=locked.append):
        entries = [os.path.join(name, entry) for entry in sorted(below)]  # noqa: PTH118  # a name of any bytes
        below[:] = [
            os.path.basename(entry)  # noqa: PTH119  # as above
            for entry in entries
            if os.path.realpath(entry) != left_out
        ]
        yield from (entry for entry in entries if os.path.islink(entry))  # noqa: PTH114  # as above
        yield from (os.path.join(name, file) for file in sorted(files))  # noqa: PTH118  # as above
    yield from (error.filename for error in locked)
