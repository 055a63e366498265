"""Recordings on disk: found by a manifest or by folder names, read at one sample rate, cut into clips."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import soundfile
import soxr

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db, set_level
from latentfx.training.data.example import Audio, Example, hz_to_midi
from latentfx.training.data.pitch import pitch_of_name

SUFFIXES = frozenset({".wav", ".flac", ".aiff", ".aif", ".ogg", ".mp3"})
REQUIRED_COLUMNS = ("path", "kind", "instrument")
SILENT_BELOW_LOUD_DB = -40.0


@dataclass(frozen=True)
class Recording:
    """One sound file and what is known about it.

    Args:
        file: where it is.
        name: its path below the root, with forward slashes: the `source` of its clips.
        kind: "note", "phrase", ... ; "" when there is no manifest.
        instrument: a name such as "violin".
        pitch_midi: what a single note is called, to a semitone or so; None when not known.
        licence: as the manifest says; "not stated" when it does not.
    """

    file: Path
    name: str
    kind: str
    instrument: str
    pitch_midi: float | None
    licence: str

    @property
    def is_note(self) -> bool:
        """Whether this is a single note: the manifest says so, or the file name names a pitch."""
        return self.kind == "note" or (self.kind == "" and self.pitch_midi is not None)


def find_recordings(
    root: Path, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()
) -> list[Recording]:
    """List the recordings of a folder.

    With a `manifest.csv` (columns path, kind, instrument; optional pitch_midi, f0_hz_yin, licence) the
    manifest decides; without one, every sound file `root/INSTRUMENT/...` is a recording of that instrument,
    and a single note if its name holds a pitch (`A4.wav`, `soft_Bb3_2.flac`).

    Args:
        root: the folder.
        include: globs over the paths below root; `*` also crosses folders.
        exclude: globs that take out again.
    Raises:
        DataError: no folder, a manifest that lacks a column or names a missing file, or nothing found.
    """
    if not root.is_dir():
        raise DataError(f"no data folder {root}; name one with --data or with LATENTFX_DATA")
    manifest = root / "manifest.csv"
    found = _read_manifest(manifest) if manifest.is_file() else _read_folders(root)
    kept = [item for item in found if matches(item.name, include) and not matches(item.name, exclude)]
    if not kept:
        raise DataError(
            f"no recording of {root} matches include {list(include)} without exclude {list(exclude)}; "
            f"{len(found)} recordings are there, such as {[item.name for item in found[:3]]}"
        )
    missing = [item.name for item in kept if not item.file.is_file()]
    if missing:
        raise DataError(f"{manifest} names {len(missing)} files that are not there, such as {missing[0]}")
    return kept


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a path below the root matches any of the globs."""
    return any(fnmatch(name, pattern) for pattern in globs)


def _read_manifest(manifest: Path) -> list[Recording]:
    with manifest.open(newline="", encoding="utf-8") as lines:
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


def _read_folders(root: Path) -> list[Recording]:
    files = sorted(file for file in root.glob("*/**/*") if file.suffix.lower() in SUFFIXES)
    names = [file.relative_to(root) for file in files]
    return [
        Recording(file, name.as_posix(), "", name.parts[0], pitch_of_name(name.stem), "not stated")
        for file, name in zip(files, names, strict=True)
    ]


def read_audio(file: Path, sample_rate: int) -> Audio:
    """Read a sound file as mono at the wanted rate.

    Shape:
        -> [T], float32
    Raises:
        DataError: the file cannot be decoded, is empty or holds samples that are not finite.
    """
    try:
        channels, file_rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(f"{file} cannot be read ({error}); replace it or exclude it") from error
    audio = np.ascontiguousarray(channels.mean(axis=1), dtype=np.float32)
    if len(audio) == 0 or not np.all(np.isfinite(audio)):
        raise DataError(f"{file} is empty or holds NaN or Inf; replace it or exclude it")
    if file_rate != sample_rate:
        audio = np.asarray(soxr.resample(audio, file_rate, sample_rate), dtype=np.float32)
    return audio


def cut_clips(recording: Recording, sample_rate: int, segment_seconds: float) -> list[Example]:
    """Cut a recording, set to one loudness as a whole, into clips of one length.

    The last clip ends where the recording ends, so it may overlap the one before. A recording shorter than
    a clip is padded with silence. Clips that stay 40 dB below the recording's loud part are left out.

    Raises:
        DataError: the recording cannot be read or is silent.
    """
    audio = set_level(read_audio(recording.file, sample_rate), sample_rate)
    if not np.any(audio):
        raise DataError(f"{recording.name} is silent; exclude it")
    length = round(segment_seconds * sample_rate)
    if len(audio) < length:
        audio = np.pad(audio, (0, length - len(audio)))
    starts = list(range(0, len(audio) - length + 1, length))
    if len(audio) - starts[-1] - length > length // 4:
        starts.append(len(audio) - length)
    frame = max(1, sample_rate // 100)
    threshold_db = np.percentile(frame_levels_db(audio, frame), 95) + SILENT_BELOW_LOUD_DB
    pieces = [audio[start : start + length] for start in starts]
    sounding = [piece for piece in pieces if np.percentile(frame_levels_db(piece, frame), 95) > threshold_db]
    return [Example.of_audio(piece, sample_rate, recording.instrument, recording.name) for piece in sounding]
