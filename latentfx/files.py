"""Writing files whole: a file takes its place when all of it is there, or what was there stays."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PartFile", "whole_file", "write_bytes", "write_text"]

_LONGEST_NAME = 255 - len("..01234567.part")


class PartFile:
    """A file under a passing name beside its target, whose place it takes at the end.

    Args:
        target: the file to be.
    Raises:
        OSError: every method, where the system refuses.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{_shortened(target.name)}.{uuid.uuid4().hex[:8]}.part")

    def create(self) -> None:
        """Make the empty file."""
        self.path.touch(exist_ok=False)

    def commit(self) -> None:
        """Put the file in its target's place, once the disk has it; an older file's permissions stay."""
        with self.path.open("rb+") as part:
            os.fsync(part.fileno())
        if self.target.exists():
            self.path.chmod(self.target.stat().st_mode & 0o777)
        self.path.replace(self.target)

    def discard(self) -> None:
        """Remove the file; after `commit` nothing is left to remove."""
        self.path.unlink(missing_ok=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` when the block ends without an error.

    Two writers of one target do not meet: the last one to end wins, and both files are whole.

    Raises:
        OSError: the folder is missing, or the disk refuses; what was at `target` is unchanged.
    """
    part = PartFile(target)
    try:
        part.create()
        yield part.path
        part.commit()
    finally:
        part.discard()


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file of bytes whole; see `whole_file`."""
    with whole_file(target) as part:
        part.write_bytes(data)


def write_text(target: Path, text: str) -> None:
    """Write a UTF-8 file whole, its lines ended as they stand in `text`; see `whole_file`."""
    write_bytes(target, text.encode())


def _shortened(name: str) -> str:
    """As much of a name as leaves room for a passing one in 255 bytes."""
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    return name
