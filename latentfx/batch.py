"""Many recordings through one plugin, several at a time."""

from __future__ import annotations

import glob
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from latentfx.automation.files import Moves
from latentfx.errors import AudioFileError, LatentFXError
from latentfx.files import expanded
from latentfx.library import DEFAULT_PLUGIN
from latentfx.offline import Applied, PathLike, apply_file
from latentfx.prepare import prepare
from latentfx.preset import Preset
from latentfx.sound.decoder import DECODED
from latentfx.sound.form import WRITTEN
from latentfx.sound.targets import identity, refuse_sources, result_name
from latentfx.spec import Setting

Pair = tuple[Path, Path]

SOUND_SUFFIXES = frozenset(WRITTEN) | DECODED


@dataclass(frozen=True)
class Outcome:
    """The result of one recording of many: `applied`, or the `error`.

    Args:
        source: the file read.
        applied: what was written, None after an error.
        error: what went wrong, empty where nothing did.
    """

    source: Path
    applied: Applied | None = None
    error: str = ""


def apply_many(
    sources: PathLike | Iterable[PathLike],
    target: PathLike,
    plugin: PathLike | Preset = DEFAULT_PLUGIN,
    *,
    jobs: int = 1,
    suffix: str | None = None,
    reference: PathLike | None = None,
    side: PathLike | None = None,
    automation: Moves | None = None,
    **controls: Setting,
) -> Iterator[Outcome]:
    """Run every recording of a folder, a glob pattern or a list through a plugin; see `apply`.

    A recording that fails stops no other. Folders are searched to the bottom, and mirrored in the target.

    Args:
        sources: folders, patterns such as `"takes/*.wav"`, or files.
        target: folder for the results, made where it is absent.
        plugin: name or file of a plugin, or a preset.
        jobs: processes that work side by side.
        suffix: format of the results, such as `".flac"`; each source's own where None.
        reference: a recording to learn a choice from.
        side: a recording for the plugin's side-chain, the same for all.
        automation: moves of the controls, the same for all; see `apply`.
        controls: controls and blends by name.

    Returns:
        An `Outcome` for each recording, in the order in which they end.

    Raises:
        AudioFileError: nothing found, two results of one name, or a target folder that cannot be used.
    """
    pairs = plan(sources, target, suffix)
    if jobs < 1:
        raise AudioFileError(f"jobs is {jobs}; allowed are whole numbers from 1")
    for _, result in pairs:
        refuse_sources(result, (reference, side))
    for folder in {result.parent for _, result in pairs}:
        _make(folder)
    work = partial(
        _apply_one, plugin=plugin, reference=reference, side=side, automation=automation, controls=controls
    )
    return _run(work, pairs, jobs)


def _run(work: Callable[[Pair], Outcome], pairs: list[Pair], jobs: int) -> Iterator[Outcome]:
    if jobs == 1 or len(pairs) == 1:
        yield from (work(pair) for pair in pairs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(pairs)), mp_context=context) as pool:
        futures: list[Future[Outcome]] = [pool.submit(work, pair) for pair in pairs]
        try:
            yield from (future.result() for future in as_completed(futures))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def plan(sources: PathLike | Iterable[PathLike], target: PathLike, suffix: str | None = None) -> list[Pair]:
    """Pair every recording with its result.

    Raises:
        AudioFileError: nothing found, or two results of one name, or a result in the place of a recording.
    """
    given = _given(sources)
    folder = expanded(target)
    if folder.suffix.lower() in SOUND_SUFFIXES and not folder.is_dir():
        raise AudioFileError(f"{folder} names one sound file; several results need a folder")
    pairs: dict[Path, Path] = {}
    places: dict[object, Path] = {}
    for source in given:
        for path, below in _find(source, folder):
            result = folder / _result(below, suffix)
            other = places.setdefault(identity(result), path)
            if identity(other) != identity(path):
                raise AudioFileError(f"{path} and {other} would both become {result}; rename one")
            pairs.setdefault(result, path)
    if not pairs:
        names = ", ".join(map(str, given))
        raise AudioFileError(f"no sound file in {names}; looked for {' '.join(sorted(SOUND_SUFFIXES))}")
    recordings = {identity(path) for path in pairs.values()}
    lost = [result for result in pairs if identity(result) in recordings]
    if lost:
        raise AudioFileError(
            f"{folder} holds the sources: a result would replace the recording {lost[0]}. "
            "Choose another target folder"
        )
    return [(path, result) for result, path in pairs.items()]


def passed_over(sources: PathLike | Iterable[PathLike], target: PathLike) -> list[Path]:
    """The files in folders and patterns that are not played: other kinds than sound, links that lead nowhere.

    Hidden files are not counted.
    """
    folder = expanded(target)
    found = [
        path
        for source in _given(sources)
        for path, _ in _search(source, folder)
        if path != source and not _is_sound(path)
    ]
    return [path for path in found if not path.name.startswith(".")]


def _given(sources: PathLike | Iterable[PathLike]) -> list[Path]:
    given = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    return [expanded(source) for source in given]


def _result(below: Path, suffix: str | None) -> Path:
    if suffix is None:
        return below.with_name(result_name(below))
    return below.with_suffix(f".{suffix.lstrip('.')}")


def _find(source: Path, target: Path) -> Iterator[Pair]:
    """Find the recordings of one argument, each with its path below the target."""
    for path, below in _search(source, target):
        if _is_sound(path) or path == source:
            yield path, below


def _search(source: Path, target: Path) -> Iterator[Pair]:
    """Find the files of one argument, of every kind, each with its path below the target."""
    if os.path.isdir(source):  # noqa: PTH112  # Path.is_dir raises where a folder may not be entered
        inside = None if identity(target) == identity(source) else os.path.realpath(target)
        for path in _walk(source, inside):
            yield path, path.relative_to(source)
    elif os.path.lexists(source) or not glob.has_magic(str(source)):
        yield source, Path(source.name)
    else:
        for name in sorted(glob.glob(str(source), recursive=True)):  # noqa: PTH207  # Path.glob wants a root
            yield Path(name), Path(Path(name).name)


def _walk(folder: Path, left_out: str | None) -> Iterator[Path]:
    """Every file below a folder, and the folders that are not entered: links, and those that are locked."""
    locked: list[OSError] = []
    for name, below, files in os.walk(folder, onerror=locked.append):
        entries = [os.path.join(name, entry) for entry in sorted(below)]  # noqa: PTH118  # a name of any bytes
        below[:] = [
            os.path.basename(entry)  # noqa: PTH119  # as above
            for entry in entries
            if os.path.realpath(entry) != left_out
        ]
        yield from (Path(entry) for entry in entries if os.path.islink(entry))  # noqa: PTH114  # as above
        yield from (Path(name) / file for file in sorted(files))
    yield from (Path(error.filename) for error in locked)


def _is_sound(path: Path) -> bool:
    is_file = os.path.isfile(path)  # noqa: PTH113  # Path.is_file raises where a folder may not be entered
    return path.suffix.lower() in SOUND_SUFFIXES and is_file and not path.name.startswith(".")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"cannot make the folder {folder}: {error.strerror or error}") from None


def _apply_one(
    pair: Pair,
    plugin: PathLike | Preset,
    reference: PathLike | None,
    side: PathLike | None,
    automation: Moves | None,
    controls: dict[str, Setting],
) -> Outcome:
    source, target = pair
    try:
        effect = prepare(plugin, reference, controls, side, automation)
        return Outcome(source, apply_file(source, target, effect))
    except Exception as error:  # of any kind: one recording stops no other
        text = str(error) if isinstance(error, LatentFXError) else f"{type(error).__name__}: {error}"
        return Outcome(source, error=text if str(source) in text else f"{source}: {text}")
