"""The [data] table of a recipe, checked: every key is known and every value in range.

Example:
    [data]
    instruments = ["violin", "trumpet"]
    validation = 0.1

    [[data.parts]]
    kind = "notes"
    root = "real"
    seconds_per_instrument = 180
    reverb = 0.5
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from latentfx.errors import DataError, RecipeError
from latentfx.training.recipes.settings import check_range
from latentfx.training.recipes.settings import read_settings as read_table

DATA_ROOT_VARIABLE = "LATENTFX_DATA"


@dataclass(frozen=True)
class PhraseSettings:
    """What the parts that play tunes have in common; each kind adds its own.

    Args:
        seconds_per_instrument: audio of each instrument, training and validation together.
        segment_seconds: length of a clip.
        tunes: folder of MIDI files; "" for made-up melodies alone.
        tunes_share: share of the phrases that are taken from `tunes`.
        reverb, noise: probability that a phrase gets a room, background noise.
    """

    kind: ClassVar[str]
    seconds_per_instrument: float = 120.0
    segment_seconds: float = 4.0
    tunes: str = ""
    tunes_share: float = 0.5
    reverb: float = 0.3
    noise: float = 0.3


@dataclass(frozen=True)
class TonesPart(PhraseSettings):
    """Tunes on generated instruments: needs no data."""

    kind: ClassVar[str] = "tones"


@dataclass(frozen=True)
class NotesPart(PhraseSettings):
    """Tunes built from recordings of single notes.

    Args:
        root: folder of recordings with a manifest.csv.
        include, exclude: globs over the paths below root.
        holdout: globs of recordings that only validation phrases use.
        legato, vibrato: probability of a slurred note, of a phrase with vibrato.
        stretch_st: how far a recorded note may be moved, semitones.
        reach_st: how far beyond the recorded notes lines may go, semitones; there the nearest note is moved
            further.
    """

    kind: ClassVar[str] = "notes"
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    legato: float = 0.3
    vibrato: float = 0.2
    stretch_st: float = 2.0
    reach_st: float = 2.0


@dataclass(frozen=True)
class SoundfontPart(PhraseSettings):
    """Tunes rendered from a soundfont.

    Args:
        path: an .sf2 or .sf3 file.
        cache: keep renderings in the user's cache folder.
    """

    kind: ClassVar[str] = "soundfont"
    path: str = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
    cache: bool = True


@dataclass(frozen=True)
class RecordingsPart:
    """Recordings cut into clips.

    Args:
        root: folder with a manifest.csv, or with one folder for each instrument.
        include, exclude: globs over the paths below root.
        holdout: globs of recordings that go to validation; without them recordings are drawn at random.
        segment_seconds: length of a clip.
    """

    kind: ClassVar[str] = "recordings"
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    segment_seconds: float = 4.0


@dataclass(frozen=True)
class StemsPart:
    """Songs as stems, cut into clips of the instrument `mix`; see `latentfx.training.data.sources.songs`.

    Args:
        root: folder of songs: a folder of stems for each, or MUSDB18.
        include, exclude: globs over the songs, by their paths below root.
        holdout: globs of songs that go to validation; without them songs are drawn at random.
        segment_seconds: length of a clip.
        licence: of the songs.
    """

    kind: ClassVar[str] = "stems"
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    segment_seconds: float = 5.0
    licence: str = "not stated"


@dataclass(frozen=True)
class BandPart:
    """Tunes on several instruments of a soundfont at once, as clips of the instrument `mix` with their stems.

    Args:
        path: an .sf2 or .sf3 file.
        seconds: audio in all, training and validation together.
        segment_seconds: length of a clip.
        voices: at most so many instruments at once, drums apart.
        drums: probability that drums play too.
        tunes: folder of MIDI files; "" for made-up melodies alone.
        tunes_share: share of the lines that are taken from `tunes`.
        cache: keep renderings in the user's cache folder.
    """

    kind: ClassVar[str] = "band"
    path: str = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
    seconds: float = 300.0
    segment_seconds: float = 5.0
    voices: float = 3.0
    drums: float = 0.5
    tunes: str = ""
    tunes_share: float = 0.5
    cache: bool = True


@dataclass(frozen=True)
class UrmpPart:
    """Recordings of the URMP data set, cut into clips.

    Args:
        root: its folder, as published or as prepared chunks (see `latentfx.training.data.sources.urmp`).
        holdout: globs of recordings (`AuSep_*_01_Jupiter`) that go to validation; without them recordings
            are drawn at random.
        segment_seconds: length of a clip.
        keep: which clips of published recordings: `crepe` those that CREPE is sure of (as published),
            `annotated` those that URMP's own annotation calls voiced (no cost), `all`.
        minimum: mean confidence of CREPE, or share of voiced frames, that a clip must pass.
        crepe: `full` as published (a second of sound takes some seconds on a processor), or `tiny`.
    """

    kind: ClassVar[str] = "urmp"
    root: str = ""
    holdout: tuple[str, ...] = ()
    segment_seconds: float = 4.0
    keep: str = "crepe"
    minimum: float = 0.85
    crepe: str = "full"

    def __post_init__(self) -> None:
        for name, allowed in (("keep", ("crepe", "annotated", "all")), ("crepe", ("full", "tiny"))):
            value = getattr(self, name)
            if value not in allowed:
                raise RecipeError(f"{name} of a urmp part is {value!r}; allowed {', '.join(allowed)}")


SinglePart = TonesPart | NotesPart | SoundfontPart | RecordingsPart | UrmpPart
Part = SinglePart | StemsPart | BandPart
PARTS: Mapping[str, type[Part]] = {
    part.kind: part
    for part in (TonesPart, NotesPart, SoundfontPart, RecordingsPart, StemsPart, BandPart, UrmpPart)
}
LIMITS: Mapping[str, tuple[float, float]] = {
    "validation": (0.0, 0.9),
    "seconds_per_instrument": (1.0, 1e6),
    "seconds": (1.0, 1e6),
    "segment_seconds": (0.5, 60.0),
    "voices": (2.0, 16.0),
    "drums": (0.0, 1.0),
    "tunes_share": (0.0, 1.0),
    "reverb": (0.0, 1.0),
    "noise": (0.0, 1.0),
    "legato": (0.0, 1.0),
    "vibrato": (0.0, 1.0),
    "stretch_st": (0.0, 12.0),
    "reach_st": (0.0, 12.0),
    "minimum": (0.0, 1.0),
}
T = TypeVar("T")


@dataclass(frozen=True)
class DataSettings:
    """The whole table.

    Args:
        instruments: names, in the order in which models number them.
        validation: share of the clips kept for validation.
        parts: where the clips come from.
    """

    instruments: tuple[str, ...]
    validation: float = 0.1
    parts: tuple[Part, ...] = field(default=(TonesPart(),))


def read_settings(table: Mapping[str, object]) -> DataSettings:
    """Check a [data] table.

    Raises:
        RecipeError: an unknown key, a wrong type or a value out of range; the message names the key.
    """
    plain = {key: value for key, value in table.items() if key != "parts"}
    parts = table.get("parts", [{"kind": "tones"}])
    if not isinstance(parts, (list, tuple)) or not parts:
        raise RecipeError(f"data.parts is {parts!r}; allowed is a list of at least one [[data.parts]] table")
    settings = _read(DataSettings, plain, "data")
    if not settings.instruments or len(set(settings.instruments)) < len(settings.instruments):
        raise RecipeError(f"data.instruments is {settings.instruments!r}; give a list of different names")
    checked = tuple(_read_part(part, f"data.parts[{index}]") for index, part in enumerate(parts))
    return replace(settings, parts=checked)


def _read_part(table: object, where: str) -> Part:
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where} is {table!r}; allowed is a table with a key 'kind'")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in PARTS:
        raise RecipeError(f"{where}.kind is {kind!r}; allowed are {sorted(PARTS)}")
    return _read(PARTS[kind], {key: value for key, value in table.items() if key != "kind"}, where)


def _read(owner: type[T], table: Mapping[str, object], where: str) -> T:
    """Read one table, and hold its numbers within their limits."""
    read = read_table(owner, table, where)
    for name in table.keys() & LIMITS.keys():
        check_range(f"{where}.{name}", getattr(read, name), *LIMITS[name])
    return read


def resolve_path(path: str, data_root: Path | None, key: str) -> Path:
    """Turn a path of a recipe into one on this machine.

    A relative path counts from `data_root`, else from the environment variable LATENTFX_DATA, else from
    the current folder; an empty path is that root itself. `~` and `$VARIABLES` are replaced.

    Raises:
        DataError: nothing is there, or neither path nor root is set; the message names the key.
    """
    root = data_root or Path(os.environ.get(DATA_ROOT_VARIABLE) or ".")
    if not path and root == Path():
        raise DataError(f"{key} is not set; name a folder there, or with --data or {DATA_ROOT_VARIABLE}")
    full = root / Path(os.path.expandvars(path)).expanduser()
    if not full.exists():
        raise DataError(
            f"{key}: there is no {full}; relative paths count from --data or from {DATA_ROOT_VARIABLE} "
            f"(now {root}): set it to the folder that holds the data"
        )
    return full
