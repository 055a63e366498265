"""Keeps recordings from being overwritten by their own results."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from latentfx.errors import AudioFileError
from latentfx.sound.source import expanded, is_open_file


def refuse_sources(target: Path, sources: Iterable[object]) -> None:
    """Refuse a target that is a recording which is read, by whatever path or link.

    Args:
        target: the file to be written.
        sources: paths and open files; what is neither, such as an array, is passed over.

    Raises:
        AudioFileError: the target is one of them.
    """
    for source in sources:
        if _is_same(target, source):
            raise AudioFileError(
                f"{target} is the recording that is read; the result would replace it. Give another target"
            )


def identity(path: Path) -> object:
    """What two paths of one file have in common: links and hard links too."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _is_same(target: Path, source: object) -> bool:
    if isinstance(source, (str, os.PathLike)):
        return identity(target) == identity(expanded(Path(source)))
    if not is_open_file(source):
        return False
    try:
        there = os.fstat(source.fileno())  # type: ignore[attr-defined]  # what has none is caught below
    except (OSError, ValueError, AttributeError):
        return False
    return identity(target) == (there.st_dev, there.st_ino)
