"""Recordings whose process was killed: found at the next start, and made into files that others read.

While a recording grows, a list of its parts lies in the user's cache folder, locked. The system lets go of
the lock when the process ends, however it ends.
"""

from __future__ import annotations

import json
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from latentfx.arrays import Float32
from latentfx.errors import AudioFileError
from latentfx.files import write_text
from latentfx.host.first_contact import cache_folder
from latentfx.sound.reader import AudioReader
from latentfx.sound.writer import AudioWriter
from latentfx.strict_json import read_json

_PIECE: Final = 1 << 16


class RescueWarning(UserWarning):
    """A recording whose process was killed: where it is now, or why it is not rescued."""


@contextmanager
def written_down() -> Iterator[Callable[[Mapping[Path, Path]], None]]:
    """Keep a list of files while they grow: call what is given with passing file -> the file that it becomes.

    Where no list can be kept, nothing can be rescued.
    """
    listed = _folder() / f"{uuid.uuid4().hex}.json"
    lock = FileLock(f"{listed}.lock")

    def write(parts: Mapping[Path, Path]) -> None:
        with suppress(OSError):
            listed.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            write_text(listed, _list(parts))

    try:
        yield write
    finally:
        _forget(listed, lock)


def rescue() -> list[Path]:
    """Make whole what killed processes were recording, and say so in a `RescueWarning` for each file.

    A recording that can be read and finds no room, as on a full disk, is tried again at the next start.

    Returns:
        The files, each called NAME-rescued: a recording that begins now may replace NAME.
    """
    found: list[Path] = []
    for listed in sorted(_folder().glob("*.json")):
        lock = FileLock(f"{listed}.lock", blocking=False)
        try:
            lock.acquire()
        except (Timeout, OSError):
            continue  # it is being recorded
        left: dict[Path, Path] = {}
        found += _rescue(_read(listed), left)
        if left:
            with suppress(OSError):  # a full disk: the longer list does as well
                write_text(listed, _list(left))
            lock.release()
        else:
            _forget(listed, lock)
    return found


def _list(parts: Mapping[Path, Path]) -> str:
    return json.dumps({str(part): str(target) for part, target in parts.items()})


def _folder() -> Path:
    return cache_folder() / "recordings"


def _forget(listed: Path, lock: FileLock) -> None:
    with suppress(OSError):
        listed.unlink(missing_ok=True)
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)


def _read(listed: Path) -> dict[Path, Path]:
    """Parts and what they become; none where the list is damaged."""
    with suppress(OSError, ValueError):
        found = read_json(listed.read_bytes())
        if isinstance(found, dict):
            return {Path(part): Path(str(target)) for part, target in found.items()}
    return {}


class _UnreadableError(Exception):
    """A part that holds nothing to rescue, now or later."""


def _rescue(parts: Mapping[Path, Path], left: dict[Path, Path]) -> Iterator[Path]:
    """Make parts whole; those that could not be written go into `left`."""
    for part, target in parts.items():
        if not part.is_file():
            continue
        try:
            whole = _made_whole(part, _free(target))
        except (AudioFileError, OSError) as error:
            left[part] = target
            told = f"a recording that was cut off lies in {part}, and the next start tries again: {error}"
        except _UnreadableError as error:
            told = f"a recording that was cut off lies in {part} and cannot be read: {error}"
        else:
            part.unlink(missing_ok=True)
            told = f"a recording whose process was killed is rescued: {whole}"
            yield whole
        warnings.warn(told, RescueWarning, stacklevel=4)


def _free(target: Path) -> Path:
    """A name beside a target that no file has."""
    free, number = target.with_stem(f"{target.stem}-rescued"), 2
    while free.exists():
        free = target.with_stem(f"{target.stem}-rescued-{number}")
        number += 1
    return free


def _made_whole(part: Path, target: Path) -> Path:
    """Write what can be read of a part into a file.

    Raises:
        _UnreadableError: nothing can be read.
        AudioFileError: the file cannot be written.
    """
    try:
        reader = AudioReader(part)
    except AudioFileError as error:
        raise _UnreadableError(str(error)) from None
    with reader, AudioWriter(target, reader.info) as writer:
        for block in _readable(reader.blocks(_PIECE)):
            writer.write(block)
        if not writer.frames:
            raise _UnreadableError("it holds no sound")
    return target


def _readable(blocks: Iterable[Float32]) -> Iterator[Float32]:
    """The blocks up to where the file breaks off."""
    with suppress(AudioFileError):
        yield from blocks
