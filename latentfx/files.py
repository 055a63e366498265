"""Writing files whole: a file takes its place when all of it is there, or what was there stays.

And names for files made of text that others wrote.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "PartFile",
    "discard_parts",
    "discard_parts_of",
    "expanded",
    "safe_name",
    "target_of_part",
    "whole_file",
    "write_bytes",
    "write_text",
]

_PARTS: set[Path] = set()  # that are being written
_PART = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part", re.DOTALL)
_LONGEST_SAFE = 64
_PROBE = 1 << 16  # bytes: more than any header needs
_PORTS = {f"{kind}{number}" for kind in ("com", "lpt") for number in range(10)}
_DEVICES = {"con", "prn", "aux", "nul", *_PORTS}  # of Windows
_LONGEST_NAME = 255 - len("..01234567.part")


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with `~` replaced by the home folder; a file may be called `~name` where no user is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


class PartFile:
    """A file under a passing name beside its target, whose place it takes at the end.

    Args:
        target: the file to be.
        keeps: what it holds cannot be made again: a program that is stopped leaves it.
    Raises:
        OSError: every method, where the system refuses.
    """

    def __init__(self, target: Path, keeps: bool = False) -> None:
        self.target = target
        self._keeps = keeps
        self.path = target.with_name(f".{_shortened(target.name)}.{uuid.uuid4().hex[:8]}.part")

    def create(self) -> None:
        """Make the empty file."""
        if not self._keeps:
            _PARTS.add(self.path)
        self.path.touch(exist_ok=False)

    def commit(self) -> None:
        """Put the file in its target's place, once the disk has it; an older file's permissions stay."""
        with self.path.open("rb+") as part:
            os.fsync(part.fileno())
        if self.target.exists():
            self.path.chmod(self.target.stat().st_mode & 0o777)
        self.path.replace(self.target)
        _PARTS.discard(self.path)

    def trouble(self) -> str:
        """Why the system takes no more of this file; empty where it does. The file stays as it is.

        Libraries hide the reason. A write of our own tells it.
        """
        try:
            with self.path.open("r+b", buffering=0) as part:
                size, left = part.seek(0, os.SEEK_END), _PROBE
                try:
                    while left:
                        left -= part.write(bytes(left))
                    os.fsync(part.fileno())
                finally:
                    part.truncate(size)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def discard(self) -> None:
        """Remove the file; after `commit` nothing is left to remove."""
        self.path.unlink(missing_ok=True)
        _PARTS.discard(self.path)


def discard_parts() -> None:
    """Remove every file that is not whole yet: the last act of a program that is stopped by force."""
    for path in list(_PARTS):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def discard_parts_of(target: Path) -> None:
    """Remove what processes that were killed had half-written of a file. No process may be writing it."""
    name = _shortened(target.name)
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if target_of_part(entry.name) == name:
                Path(entry.path).unlink(missing_ok=True)


def target_of_part(name: str) -> str:
    """The name of the file that a passing file was to become, as far as it fits; empty for other files.

    >>> target_of_part(".a.wav.0123abcd.part"), target_of_part(".hidden")
    ('a.wav', '')
    """
    found = _PART.fullmatch(name)
    return found[1] if found else ""


def safe_name(text: str, instead: str = "plugin") -> str:
    """A name for a file, made of text that a stranger may have written: it names no folder and no device.

    Args:
        text: such as the name of a plugin or a recipe.
        instead: the name where nothing of the text is left.

    >>> safe_name("../../important"), safe_name("bowed double"), safe_name("/"), safe_name("nul.x")
    ('important', 'bowed double', 'plugin', '_nul.x')
    """
    kept = "".join(letter if letter.isalnum() or letter in " ._-" else "-" for letter in text)
    name = kept.strip(" .-")[:_LONGEST_SAFE].rstrip(" .-")
    while len(os.fsencode(name)) > _LONGEST_NAME:
        name = name[:-1]
    if name.partition(".")[0].casefold().strip() in _DEVICES:
        name = f"_{name}"
    return name or instead


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
