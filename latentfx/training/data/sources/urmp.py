"""`urmp`: the URMP data set, recordings of single players in ensemble pieces, cut into chunks.

Two layouts are read. As published: `NN_Title_instruments/AuSep_K_INSTRUMENT_NN_Title.wav` with the pitch
annotation `F0s_K_INSTRUMENT_NN_Title.txt` beside it (a line every 10 ms: seconds, Hz, 0 for none). As
prepared by others: `INSTRUMENT/{train,val,test}/audio/audio_AuSep_K_INSTRUMENT_NN_Title_J.npy`, chunks at
16 kHz that were chosen and scaled already. Their division into train, val and test goes through the middle of
recordings and is not kept.

Source: Li, Liu, Dinesh, Duan & Sharma, "Creating a multitrack classical music performance dataset for
multimodal music analysis", 2018; chunks as in Hayes, Saitis & Fazekas, "Neural waveshaping synthesis", 2021.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import soundfile
import soxr

from latentfx.errors import DataError, RecipeError
from latentfx.training.data.example import Audio, Example
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.split import held_out

INSTRUMENT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "vn": "violin",
        "va": "viola",
        "vc": "cello",
        "db": "doublebass",
        "fl": "flute",
        "ob": "oboe",
        "cl": "clarinet",
        "sax": "saxophone",
        "bn": "bassoon",
        "tpt": "trumpet",
        "hn": "horn",
        "tbn": "trombone",
        "tba": "tuba",
    }
)
PREPARED_RATE = 16_000
CREPE_HOP = 128
_STEM = re.compile(r"AuSep_\d+_(?P<code>[a-z]+)_.+")
_CHUNK = re.compile(r"audio_(?P<stem>AuSep_\d+_(?P<code>[a-z]+)_.+)_(?P<number>\d+)")


@dataclass(frozen=True)
class Urmp(DataSource):
    """Recordings of the URMP data set, cut into examples.

    Args:
        root: its folder, as published or as prepared chunks.
        holdout: globs of recordings (`AuSep_*_01_Jupiter`) that go to validation; without them recordings
            are drawn at random.
        segment_seconds: length of an example.
        keep: which examples of published recordings: `crepe` those that CREPE is sure of (as published),
            `annotated` those that URMP's own annotation calls voiced (no cost), `all`.
        minimum: mean confidence of CREPE, or share of voiced frames, that an example must pass.
        crepe: `full` as published (a second of sound takes some seconds on a processor), or `tiny`.
    """

    limits: ClassVar = {"segment_seconds": (0.5, 60.0), "minimum": (0.0, 1.0)}
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

    def make(self, job: Job) -> Made:
        """Cut recordings into chunks side by side, keep the clear ones, scale each instrument to a peak of 1.

        The left channel is taken. The published preparation scales twice, by the loudest recording before
        and by the loudest kept chunk after; the second undoes the first. Prepared chunks are taken as they
        are.
        """
        stems = find_stems(job.path(self.root, "root"), job.instruments)
        held = held_out([(stem.instrument, stem.name) for stem in stems], self.holdout, job, least=1)
        sides: dict[bool, list[Group]] = {False: [], True: []}
        done = 0
        for instrument in dict.fromkeys(stem.instrument for stem in stems):
            takes = []
            for stem in (stem for stem in stems if stem.instrument == instrument):
                job.progress("reading URMP", done, len(stems))
                takes.append(self._take(stem, job))
                done += 1
            gain = self._gain(takes)
            for take in takes:
                make = functools.partial(self._examples, take, gain, job.sample_rate)
                outlines = [Outline(take.stem.name, instrument, take.chunk_s)] * len(take.numbers)
                sides[take.stem.name in held].append(job.group(make, outlines))
        job.progress("reading URMP", done, len(stems))
        facts = {"licence": {"URMP, see its authors": len(stems)}, "held_out": sorted(held)}
        return Made(Side(sides[False]), Side(sides[True]), facts)

    def _take(self, stem: Stem, job: Job) -> _Take:
        """Choose the clear chunks of a recording."""
        chunks = self._chunks(stem, job.sample_rate)
        numbers = self._clear(stem, chunks, job.sample_rate)
        clear = [chunks[number] for number in numbers]
        peak = max((float(np.abs(chunk).max()) for chunk in clear), default=0.0)
        length = round(self.segment_seconds * job.sample_rate)
        return _Take(stem, numbers, peak, length / job.sample_rate, clear if job.in_memory else None)

    def _gain(self, takes: Sequence[_Take]) -> np.float32:
        """What scales the chunks of an instrument to a peak of 1; 1 for prepared chunks."""
        if not any(take.numbers for take in takes):
            raise DataError(
                f"no chunk of {len(takes)} URMP recordings of {takes[0].stem.instrument} passes "
                f"keep = {self.keep!r} at {self.minimum:g}; lower minimum, or keep = 'all'"
            )
        if takes[0].stem.is_prepared:
            return np.float32(1.0)
        return np.float32(1.0 / max(*(take.peak for take in takes), 1e-6))

    def _examples(self, take: _Take, gain: np.float32, sample_rate: int) -> list[Example]:
        chunks = take.chunks
        if chunks is None:
            every = self._chunks(take.stem, sample_rate)
            chunks = [every[number] for number in take.numbers]
        stem = take.stem
        return [Example.of_audio(chunk * gain, sample_rate, stem.instrument, stem.name) for chunk in chunks]

    def _chunks(self, stem: Stem, sample_rate: int) -> list[Audio]:
        if stem.is_prepared:
            return [_read_prepared(file, self.segment_seconds, sample_rate) for file in stem.files]
        audio = _read_left(stem.files[0], sample_rate)
        length = round(self.segment_seconds * sample_rate)
        starts = range(0, len(audio) - length + 1, length)
        return [np.ascontiguousarray(audio[start : start + length]) for start in starts]

    def _clear(self, stem: Stem, chunks: Sequence[Audio], sample_rate: int) -> list[int]:
        """Numbers of the chunks that are clear enough; all of the prepared ones, which others chose."""
        numbers = range(len(chunks))
        if stem.is_prepared or self.keep == "all":
            return list(numbers)
        if self.keep == "crepe":
            return [n for n in numbers if confidence(chunks[n], sample_rate, self.crepe) > self.minimum]
        times, voiced = _read_annotation(stem)
        edges = [n * round(self.segment_seconds * sample_rate) / sample_rate for n in numbers]
        shares = [_share(voiced[(times >= edge) & (times < edge + self.segment_seconds)]) for edge in edges]
        return [n for n in numbers if shares[n] > self.minimum]


@dataclass(frozen=True)
class Stem:
    """One player's recording of one piece.

    Args:
        name: `AuSep_1_vn_01_Jupiter`: the `source` of its examples.
        instrument: a name such as "violin".
        files: the recording, or its prepared chunks in order.
    """

    name: str
    instrument: str
    files: tuple[Path, ...]

    @property
    def is_prepared(self) -> bool:
        """Whether its files are chunks."""
        return self.files[0].suffix == ".npy"

    @property
    def annotation(self) -> Path:
        """Where its pitch annotation lies, in the published layout."""
        return self.files[0].with_name(f"{self.name.replace('AuSep', 'F0s', 1)}.txt")


@dataclass(frozen=True)
class _Take:
    """The clear chunks of one recording.

    Args:
        stem: the recording.
        numbers: which of its chunks.
        peak: of the loudest.
        chunk_s: length of each.
        chunks: their samples; None where they are read again when they are needed.
    """

    stem: Stem
    numbers: Sequence[int]
    peak: float
    chunk_s: float
    chunks: Sequence[Audio] | None


def find_stems(root: Path, instruments: Sequence[str]) -> list[Stem]:
    """List the recordings of some instruments, in either layout.

    Raises:
        DataError: no such recordings.
    """
    files: dict[tuple[str, str], list[tuple[int, Path]]] = {}
    for file in sorted(root.glob("*/AuSep_*.wav")):
        if match := _STEM.fullmatch(file.stem):
            files.setdefault((file.stem, match["code"]), []).append((0, file))
    for file in sorted(root.glob("*/*/audio/audio_AuSep_*.npy")):
        if match := _CHUNK.fullmatch(file.stem):
            files.setdefault((match["stem"], match["code"]), []).append((int(match["number"]), file))
    stems = [
        Stem(name, INSTRUMENT_CODES.get(code, code), tuple(file for _, file in sorted(parts)))
        for (name, code), parts in sorted(files.items())
    ]
    kept = [stem for stem in stems if stem.instrument in instruments]
    if not kept:
        raise DataError(
            f"{root} has no URMP recordings of {', '.join(instruments)}; looked for "
            "*/AuSep_K_CODE_NN_Title.wav and */*/audio/audio_AuSep_K_CODE_NN_Title_J.npy; found recordings "
            f"of {', '.join(sorted({stem.instrument for stem in stems})) or 'nothing'}"
        )
    return kept


def confidence(audio: Audio, sample_rate: int, crepe: str) -> float:
    """Mean over frames, one every 8 ms, of how sure CREPE is of the pitch.

    Shape:
        audio [T]
    """
    from latentfx.training.judges.crepe import SAMPLE_RATE, pitch_activations

    samples = audio if sample_rate == SAMPLE_RATE else soxr.resample(audio, sample_rate, SAMPLE_RATE)
    activations = pitch_activations(samples, CREPE_HOP, "full" if crepe == "full" else "tiny")
    return float(activations.max(axis=1).mean())


def _share(voiced: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(voiced.mean()) if len(voiced) else 0.0


def _read_left(file: Path, sample_rate: int) -> Audio:
    try:
        channels, file_rate = soundfile.read(file, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(f"{file} cannot be read ({error}); replace it") from error
    left = np.ascontiguousarray(channels[:, 0])
    return _checked(left if file_rate == sample_rate else soxr.resample(left, file_rate, sample_rate), file)


def _read_prepared(file: Path, seconds: float, sample_rate: int) -> Audio:
    try:
        chunk = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error}); replace it") from error
    if chunk.shape != (round(seconds * PREPARED_RATE),):
        raise DataError(
            f"{file} has the shape {chunk.shape}; wanted {seconds:g} s at {PREPARED_RATE} Hz: set "
            "segment_seconds to what the chunks have"
        )
    audio = chunk if sample_rate == PREPARED_RATE else soxr.resample(chunk, PREPARED_RATE, sample_rate)
    return _checked(audio, file)


def _read_annotation(stem: Stem) -> tuple[np.ndarray, np.ndarray]:
    try:
        times, f0_hz = np.loadtxt(stem.annotation, ndmin=2).T[:2]
    except (OSError, ValueError) as error:
        raise DataError(
            f"{stem.annotation} cannot be read ({error}); put it back, or choose keep = 'crepe' or 'all'"
        ) from error
    return times, f0_hz > 0


def _checked(audio: Audio, file: Path) -> Audio:
    if not np.isfinite(audio).all():
        raise DataError(f"{file} holds NaN or Inf; replace it")
    return np.asarray(audio, dtype=np.float32)
