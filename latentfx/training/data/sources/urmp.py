"""URMP, for those who have it: recordings of single players in ensemble pieces, cut into chunks.

Two layouts are read. As published: `NN_Title_instruments/AuSep_K_INSTRUMENT_NN_Title.wav` with the pitch
annotation `F0s_K_INSTRUMENT_NN_Title.txt` beside it (a line every 10 ms: seconds, Hz, 0 for none). As
prepared by others: `INSTRUMENT/{train,val,test}/audio/audio_AuSep_K_INSTRUMENT_NN_Title_J.npy`, chunks at
16 kHz that were chosen and scaled already. Their division into train, val and test goes through the middle of
recordings and is not kept.

Source: Li, Liu, Dinesh, Duan & Sharma, "Creating a multitrack classical music performance dataset for
multimodal music analysis", 2018; chunks as in Hayes, Saitis & Fazekas, "Neural waveshaping synthesis", 2021.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile
import soxr

from latentfx.errors import DataError
from latentfx.training.data.example import Audio, Example
from latentfx.training.data.settings import UrmpPart

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
class Stem:
    """One player's recording of one piece.

    Args:
        name: `AuSep_1_vn_01_Jupiter`: the `source` of its clips.
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


def cut_stems(stems: Sequence[Stem], part: UrmpPart, sample_rate: int) -> list[Example]:
    """Cut recordings into chunks side by side, keep the clear ones, and scale each instrument to a peak of 1.

    The left channel is taken. The published preparation scales twice, by the loudest recording before and by
    the loudest kept chunk after; the second undoes the first. Prepared chunks are taken as they are.

    Raises:
        DataError: a file that cannot be read, or no clear chunk of an instrument.
    """
    clips: list[Example] = []
    for instrument in dict.fromkeys(stem.instrument for stem in stems):
        own = [stem for stem in stems if stem.instrument == instrument]
        kept = [clip for stem in own for clip in _clips_of(stem, part, sample_rate)]
        if not kept:
            raise DataError(
                f"no chunk of {len(own)} URMP recordings of {instrument} passes keep = {part.keep!r} at "
                f"{part.minimum:g}; lower minimum, or keep = 'all'"
            )
        clips += kept if own[0].is_prepared else _scaled(kept)
    return clips


def _clips_of(stem: Stem, part: UrmpPart, sample_rate: int) -> list[Example]:
    if stem.is_prepared:
        chunks = [_read_prepared(file, part.segment_seconds, sample_rate) for file in stem.files]
    else:
        chunks = _cut(stem, part, sample_rate)
    return [Example.of_audio(chunk, sample_rate, stem.instrument, stem.name) for chunk in chunks]


def _cut(stem: Stem, part: UrmpPart, sample_rate: int) -> list[Audio]:
    audio = _read_left(stem.files[0], sample_rate)
    length = round(part.segment_seconds * sample_rate)
    starts = range(0, len(audio) - length + 1, length)
    chunks = [np.ascontiguousarray(audio[start : start + length]) for start in starts]
    if part.keep == "all":
        return chunks
    if part.keep == "crepe":
        return [chunk for chunk in chunks if confidence(chunk, sample_rate, part.crepe) > part.minimum]
    times, voiced = _read_annotation(stem)
    edges = [start / sample_rate for start in starts]
    shares = [_share(voiced[(times >= edge) & (times < edge + part.segment_seconds)]) for edge in edges]
    return [chunk for chunk, share in zip(chunks, shares, strict=True) if share > part.minimum]


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


def _scaled(clips: Sequence[Example]) -> list[Example]:
    peak = max(float(np.abs(clip.audio).max()) for clip in clips)
    gain = np.float32(1.0 / max(peak, 1e-6))
    return [
        Example.of_audio(clip.audio * gain, clip.sample_rate, clip.instrument, clip.source) for clip in clips
    ]
