"""Where a result is written: never over a recording that is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from latentfx.errors import AudioFileError
from latentfx.files import expanded
from latentfx.names import shown
from latentfx.sound.decoder import DECODED
from latentfx.sound.source import is_open_file


def choose_target(target: str | os.PathLike[str], source: object) -> Path:
    """The file to write: in a folder, one named as the source.

    Raises:
        AudioFileError: the target is no path, an empty one, or one with a character that no name holds.
    """
    if not isinstance(target, (str, os.PathLike)):
        raise AudioFileError(
            f"the target is {shown(repr(target), 60)}; give the path of a sound file, or leave it out to get "
            "the audio as an array"
        )
    name = os.fspath(target)
    if not name or "\0" in name:
        raise AudioFileError(f"the target is {name!r}; give the path of a sound file, such as out.wav")
    path = expanded(target)
    if isinstance(source, (str, os.PathLike)) and os.path.isdir(path):  # noqa: PTH112  # it raises nothing
        return path / result_name(Path(source))
    return path


def result_name(source: Path) -> str:
    """Name of the result of a source: its own, as WAV where nobody here writes its format."""
    other = DECODED | {".mid", ".midi"}
    return source.with_suffix(".wav").name if source.suffix.lower() in other else source.name


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
    except OSError:
        return os.path.realpath(path)
    except ValueError:  # no file has a name with a NUL character
        return path
    return found.st_dev, found.st_ino


def _is_same(target: Path, source: object) -> bool:
    if isinstance(source, (str, os.PathLike)):
        return identity(target) == identity(expanded(source))
    if not is_open_file(source):
        return False
    try:
        there = os.fstat(source.fileno())  # type: ignore[attr-defined]  # what has none is caught below
    except (OSError, ValueError, AttributeError):
        return False
    return identity(target) == (there.st_dev, there.st_ino)
