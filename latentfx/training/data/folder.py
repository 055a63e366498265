"""Which recordings a data folder holds, and which of its files are none, and why."""

from __future__ import annotations

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

from latentfx.errors import DataError
from latentfx.sound.form import WRITTEN
from latentfx.training.data.example import hz_to_midi
from latentfx.training.data.pitch import pitch_of_name
from latentfx.training.data.recording import Recording

Note = Callable[[str], None]

SUFFIXES = frozenset(WRITTEN)
NOT_READ = frozenset({".m4a", ".aac", ".wma", ".mp4", ".ac3", ".amr", ".webm", ".mka"})
REQUIRED_COLUMNS = ("path", "kind", "instrument")
MOST_NAMES = 50
DATA_FOLDER = (
    "A data folder holds one folder for each instrument, with sound files in it at any depth: "
    "FOLDER/violin/study.wav, FOLDER/oboe/A4.flac. A file whose name states a pitch (A4, Bb3) is a single "
    "note. A manifest.csv in FOLDER is optional; where there is one, its rows say which files are there, by "
    "the columns path, kind (note, phrase), instrument, and where known pitch_midi, f0_hz_yin, licence."
)
"""What a folder of recordings looks like, for errors."""


def silent_note(text: str) -> None:
    """The `Note` that tells nobody."""


def find_recordings(
    root: Path, include: Sequence[str] = ("*",), exclude: Sequence[str] = (), note: Note = silent_note
) -> list[Recording]:
    """List the recordings of a folder.

    With a `manifest.csv` (columns path, kind, instrument; optional pitch_midi, f0_hz_yin, licence) the
    manifest decides; without one, every sound file `root/INSTRUMENT/...` is a recording of that instrument,
    and a single note if its name holds a pitch (`A4.wav`, `soft_Bb3_2.flac`).

    Args:
        root: the folder.
        include: globs over the paths below root; `*` also crosses folders.
        exclude: globs that take out again.
        note: is told which files were passed over, and why.
    Raises:
        DataError: no folder, a manifest that lacks a column or names a missing file, or nothing found.
    """
    if not root.is_dir():
        raise DataError(f"no data folder {root}; name one with --data or with LATENTFX_DATA. {DATA_FOLDER}")
    manifest = root / "manifest.csv"
    found = _read_manifest(manifest) if manifest.is_file() else _read_folders(root, note)
    kept = [item for item in found if matches(item.name, include) and not matches(item.name, exclude)]
    if not kept:
        raise DataError(
            f"no recording of {root} is left: include is {list(include)}, exclude is {list(exclude)}; "
            f"{len(found)} recordings are there, such as {[item.name for item in found[:3]]}"
        )
    missing = [item.name for item in kept if not item.file.is_file()]
    if missing:
        raise DataError(f"{manifest} names {len(missing)} files that are not there, such as {missing[0]}")
    return kept


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a path below the root matches any of the globs."""
    return any(fnmatch(name, pattern) for pattern in globs)


def of_instruments(
    recordings: Sequence[Recording], instruments: Sequence[str], note: Note = silent_note
) -> list[Recording]:
    """The recordings of some instruments; capitals and Unicode forms of a name do not matter.

    Args:
        recordings: of any instrument.
        instruments: names as the recipe spells them, which is how the recordings are named from here on.
        note: is told which recordings have another instrument.
    """
    known = {_folded(name): name for name in instruments}
    wanted = [
        replace(item, instrument=known[_folded(item.instrument)])
        for item in recordings
        if _folded(item.instrument) in known
    ]
    others = Counter(item.instrument for item in recordings if _folded(item.instrument) not in known)
    if others:
        counts = ", ".join(f"{number} of {name!r}" for name, number in sorted(others.items()))
        note(f"recordings of instruments that data.instruments does not name were passed over: {counts}")
    return wanted


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _read_manifest(manifest: Path) -> list[Recording]:
    with manifest.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        absent = [column for column in REQUIRED_COLUMNS if column not in (reader.fieldnames or ())]
        if absent:
            raise DataError(f"{manifest} lacks the columns {absent}; needed are {list(REQUIRED_COLUMNS)}")
        return [_from_row(manifest, row) for row in reader]


def _from_row(manifest: Path, row: dict[str, str]) -> Recording:
    try:
        f0_hz, label = row.get("f0_hz_yin") or "", row.get("pitch_midi") or ""
        pitch = float(label) if label else hz_to_midi(float(f0_hz)) if f0_hz else None
    except ValueError as error:
        raise DataError(f"{manifest}, row of {row['path']}: {error}; pitches are numbers or empty") from error
    file = manifest.parent / row["path"]
    licence = row.get("licence") or "not stated"
    return Recording(file, row["path"], row["kind"], row["instrument"], pitch, licence)


@dataclass
class _Found:
    """What lies below a folder: sound files, and what was passed over, by reason."""

    root: Path
    sounds: list[Path] = field(default_factory=list)
    flat: list[str] = field(default_factory=list)
    passed: dict[str, list[str]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, path: Path) -> None:
        """Sort in a file, or a folder that is called like a sound file."""
        name, suffix = path.relative_to(self.root).as_posix(), path.suffix.lower()
        if reason := _reason(path):
            self.passed.setdefault(reason, []).append(name)
        elif suffix not in SUFFIXES:
            self.others[suffix or "no suffix"] += 1
        elif "/" in name:
            self.sounds.append(path)
        else:
            self.flat.append(name)

    def tell(self, note: Note) -> None:
        """Name what was passed over."""
        for reason, names in self.passed.items():
            note(f"passed over, {reason}: {_listed(names)}")
        if self.flat:
            note(
                f"passed over, because they lie in no instrument's folder: {_listed(self.flat)}; "
                f"put them into {self.root}/INSTRUMENT/"
            )
        if self.others:
            note(f"passed over, no sound files: {self._others()}")

    def refuse(self) -> DataError:
        """The error for a folder without a single recording: what was found, and what to do."""
        there = []
        if self.flat:
            there.append(f"{_counted(len(self.flat))} directly in {self.root}")
        there += [f"{len(names)} are {reason}" for reason, names in self.passed.items()]
        if self.others:
            there.append(f"other files there: {self._others()}")
        return DataError(
            f"put files into {self.root}/INSTRUMENT/; {'; '.join(there) or 'it is empty'}. {DATA_FOLDER}"
        )

    def _others(self) -> str:
        return ", ".join(f"{number} x {suffix}" for suffix, number in sorted(self.others.items()))


def _read_folders(root: Path, note: Note) -> list[Recording]:
    found = _Found(root)
    for path in _walk(root):
        found.add(path)
    if not found.sounds:
        raise found.refuse()
    found.tell(note)
    files = sorted(found.sounds)
    names = [file.relative_to(root) for file in files]
    return [
        Recording(file, name.as_posix(), "", name.parts[0], pitch_of_name(name.stem), "not stated")
        for file, name in zip(files, names, strict=True)
    ]


def _walk(root: Path) -> Iterator[Path]:
    """Files below a folder, behind links too, and folders that are called like sound files."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        called_like_sound = [name for name in folders if Path(name).suffix.lower() in SUFFIXES]
        yield from (Path(folder, name) for name in sorted([*files, *called_like_sound]))


def _reason(path: Path) -> str:
    """Why a path is no recording; "" for one that may be."""
    if path.name.startswith("._"):
        return "side files of macOS without sound"
    if path.name.startswith("."):
        return "hidden"
    if path.is_dir():
        return "folders that are called like sound files"
    if not path.exists():
        return "links that lead nowhere"
    if path.suffix.lower() in NOT_READ:
        return "of a kind that is not read (convert them: ffmpeg -i IN OUT.wav)"
    return ""


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _counted(number: int) -> str:
    return "1 sound file lies" if number == 1 else f"{number} sound files lie"
