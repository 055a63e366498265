"""The plan of a batch: which recordings become which results."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latentfx.batch import folders, stores
from latentfx.batch.hashes import hash64
from latentfx.batch.task import Task
from latentfx.errors import AudioFileError
from latentfx.files import expanded
from latentfx.offline import PathLike
from latentfx.sound.decoder import DECODED
from latentfx.sound.form import WRITTEN
from latentfx.sound.targets import identity, result_name

SOUND_SUFFIXES: Final = frozenset(WRITTEN) | DECODED
JOURNALS: Final = "latentfx-batch"  # the name of a journal begins so
_MOST_NAMED: Final = 20
_SHARD: Final = re.compile(r"(\d+)/(\d+)")

Sources = PathLike | Iterable[PathLike]


@dataclass(frozen=True)
class Shard:
    """One part of a batch that is split among machines; a recording belongs to one part, by its name.

    Args:
        number: from 1.
        count: of all parts.

    >>> Shard.parse("3/16")
    Shard(number=3, count=16)
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `3/16`.

        Raises:
            AudioFileError: text that says something else.
        """
        found = _SHARD.fullmatch(text.strip())
        shard = cls(*map(int, found.groups())) if found else cls(0)
        if not 1 <= shard.number <= shard.count:
            raise AudioFileError(f"shard {text!r}; allowed are a number and the count of parts, such as 3/16")
        return shard

    def holds(self, below: str) -> bool:
        """Whether the result of this path below the target belongs to this part."""
        return self.count == 1 or hash64("shard", below) % self.count == self.number - 1


@dataclass
class Passed:
    """Files that are passed over, since they are no sound.

    Args:
        count: of them.
        names: of the first.
    """

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.names) < _MOST_NAMED:
            self.names.append(name)


class BatchPlan:
    """Every recording with its result. It holds the names, and 12 bytes beside each.

    Args:
        target: folder or URL of the results.
        suffix: format of the results; each source's own where None.

    Shape:
        names, stamps, roots: one for each recording
    """

    def __init__(self, target: str, suffix: str | None) -> None:
        self.target = target
        self.suffix = suffix
        self.passed = Passed()
        self._heads: list[str] = []
        self._flat: list[bool] = []
        self._names: list[str] = []
        self._stamps = array("Q")
        self._roots = array("I")

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> Task:
        if number >= len(self._names):
            raise IndexError(number)
        name, root = self._names[number], self._roots[number]
        below = self._below(name, self._flat[root])
        source = self._heads[root] + name
        return Task(number, source, self._joined(below), below, self._stamps[number])

    def __iter__(self) -> Iterator[Task]:
        return (self[number] for number in range(len(self)))

    def add_root(self, head: str, flat: bool) -> None:
        """Begin files that lie at `head` + name; `flat` where the folders of the names are not kept."""
        if (head, flat) != (*self._heads[-1:], *self._flat[-1:]):
            self._heads.append(head)
            self._flat.append(flat)

    def add(self, name: str, stamp: str) -> str:
        """Add a recording of the last argument, and return the path of its result below the target."""
        self._names.append(name)
        self._stamps.append(hash64(stamp))
        self._roots.append(len(self._heads) - 1)
        return self._below(name, self._flat[-1])

    def schemes(self) -> set[str]:
        """The schemes of the URLs among the sources."""
        return {stores.scheme_of(head) for head in self._heads}

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the recordings that are not kept.

        Shape:
            kept [len(self)]
        """
        places = np.flatnonzero(kept).tolist()
        self._names = [self._names[at] for at in places]
        self._stamps = array("Q", (self._stamps[at] for at in places))
        self._roots = array("I", (self._roots[at] for at in places))

    def _joined(self, below: str) -> str:
        if stores.scheme_of(self.target):
            return stores.join(self.target, below)
        return os.path.join(self.target, below)  # noqa: PTH118  # called for every file

    def _below(self, name: str, flat: bool) -> str:
        path = PurePath(PurePath(name).name if flat else name)
        if self.suffix is None:
            return path.with_name(result_name(Path(path))).as_posix()
        return path.with_suffix(f".{self.suffix.lstrip('.')}").as_posix()


def plan(
    sources: Sources,
    target: PathLike,
    suffix: str | None = None,
    shard: Shard | None = None,
    kept: Iterable[object] = (),
) -> BatchPlan:
    """Pair every recording with its result.

    Args:
        sources: paths, patterns and URLs.
        target: folder or URL of the results.
        suffix: format of the results, such as `"flac"`.
        shard: the part of the batch; all of it where None.
        kept: recordings that are no sources, and that a result must not replace.

    Raises:
        AudioFileError: nothing found, a format that cannot be written, two results of one name, or a result
            in the place of a recording.
    """
    given = _given(sources)
    made = BatchPlan(_target(target), _checked(suffix))
    sides = {hash64(identity(expanded(path))) for path in kept if isinstance(path, (str, os.PathLike))}
    recordings, results = array("Q"), array("Q")
    places = _Places(made.target)
    for source in given:
        for name, stamp, own in _find(source, made):
            below = made.add(name, stamp)
            recordings.append(own)
            results.append(places.identity(below))
    if not len(made):
        raise _nothing_in(given, made.passed)
    _check(made, np.array(recordings), np.array(results), sides)
    if shard is not None and shard.count > 1:
        made.keep(np.fromiter((shard.holds(task.below) for task in made), bool, len(made)))
    return made


def _nothing_in(given: list[str], passed: Passed) -> AudioFileError:
    """The error where no recording was found; it names what was passed over."""
    more = f" and {passed.count - len(passed.names)} more" if passed.count > len(passed.names) else ""
    why = (
        "; passed over, since they are no sound, lead nowhere, or may not be entered: "
        f"{', '.join(passed.names)}{more}"
    )
    return AudioFileError(
        f"no sound file in {', '.join(given)}; looked for {' '.join(sorted(SOUND_SUFFIXES))}"
        f"{why if passed.count else ''}"
    )


def _given(sources: Sources) -> list[str]:
    given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    return [_named(source) for source in given]


def _named(place: PathLike) -> str:
    """A URL as it is, or a path with `~` replaced."""
    text = stores.local_path(os.fspath(place))
    return text if stores.scheme_of(text) else str(expanded(text))


def _target(target: PathLike) -> str:
    folder = _named(target)
    there = not stores.scheme_of(folder) and os.path.isdir(folder)  # noqa: PTH112  # it raises nothing
    if PurePath(folder).suffix.lower() in SOUND_SUFFIXES and not there:
        raise AudioFileError(f"{folder} names one sound file; several results need a folder")
    return folder


def _checked(suffix: str | None) -> str | None:
    if suffix is not None and f".{suffix.lstrip('.').lower()}" not in WRITTEN:
        known = ", ".join(name.lstrip(".") for name in WRITTEN)
        raise AudioFileError(f"format {suffix!r} cannot be written; allowed {known}")
    return suffix


def _find(source: str, made: BatchPlan) -> Iterator[tuple[str, str, int]]:
    """Find the recordings of one argument: name, stamp, and hash of the identity of each."""
    if stores.scheme_of(source):
        yield from _find_stored(source, made)
        return
    is_folder = os.path.isdir(source)  # noqa: PTH112  # it raises nothing
    made.add_root(os.path.join(source, "") if is_folder else "", flat=not is_folder)  # noqa: PTH118
    for path, below in folders.search(source, made.target):
        if (path == source and not is_folder) or _is_sound(below, folders.is_regular(path)):
            stamp, own = folders.stamp_of(path)
            yield below if is_folder else path, stamp, hash64(own)
        else:
            _pass_over(made, path, below)


def _find_stored(source: str, made: BatchPlan) -> Iterator[tuple[str, str, int]]:
    for url, below, stamp in stores.search(source, made.target):
        if not _is_sound(below, True) and url.rstrip("/") != source:
            _pass_over(made, url, below)
            continue
        made.add_root(url[: len(url) - len(below)], flat=False)
        yield below, stamp, hash64(url)


def _is_sound(below: str, is_file: bool) -> bool:
    path = PurePath(below)
    return path.suffix.lower() in SOUND_SUFFIXES and is_file and not path.name.startswith(".")


def _pass_over(made: BatchPlan, path: str, below: str) -> None:
    """Name a file that is no sound, unless it is hidden, or a journal of ours.

    macOS leaves hidden files that are called like a recording (`._take.wav`): people look for their sound.
    """
    name = PurePath(below).name
    is_side_file = name.startswith("._") and PurePath(name).suffix.lower() in SOUND_SUFFIXES
    if (is_side_file or not name.startswith(".")) and not (
        name.startswith(JOURNALS) and name.endswith(".jsonl")
    ):
        made.passed.add(path)


class _Places:
    """Hashes of the identity of results; the folders of the last ones are remembered."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._stored = bool(stores.scheme_of(target))
        self._folder, self._real = "", ""

    def identity(self, below: str) -> int:
        """The hash of what all paths of this result have in common."""
        if self._stored:
            return hash64(stores.join(self._target, below))
        folder, name = os.path.split(os.path.join(self._target, below))  # noqa: PTH118
        path = os.path.join(folder, name)  # noqa: PTH118
        if os.path.lexists(path):
            return hash64(folders.stamp_of(path)[1])
        if folder != self._folder or not self._real:
            self._folder, self._real = folder, os.path.realpath(folder)
        return hash64(os.path.join(self._real, name))  # noqa: PTH118


def _check(
    made: BatchPlan, recordings: NDArray[np.uint64], results: NDArray[np.uint64], sides: set[int]
) -> None:
    """Refuse results that would meet, or take the place of a recording; drop what is named twice."""
    order = np.argsort(results, kind="stable")
    same = results[order][1:] == results[order][:-1]
    other = recordings[order][1:] != recordings[order][:-1]
    for at in np.flatnonzero(same & other)[:1].tolist():
        one, two = made[int(order[at])], made[int(order[at + 1])]
        raise AudioFileError(f"{two.source} and {one.source} would both become {two.target}; rename one")
    for at in np.flatnonzero(np.isin(results, recordings))[:1].tolist():
        raise AudioFileError(
            f"{made.target} holds the sources: a result would replace the recording {made[at].source}. "
            "Choose another target folder"
        )
    for at in np.flatnonzero(np.isin(results, np.array([*sides], np.uint64)))[:1].tolist():
        raise AudioFileError(
            f"{made[at].target} is the recording that is read; the result would replace it. "
            "Give another target"
        )
    kept = np.ones(len(made), bool)
    kept[order[1:][same]] = False
    if not kept.all():
        made.keep(kept)
