"""One recording on disk: what is known about it, its sound at a sample rate, and the examples cut from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from latentfx.errors import AudioFileError, DataError
from latentfx.sound.level import frame_levels_db, set_level
from latentfx.sound.reader import AudioReader
from latentfx.training.data.example import Audio, Example

SILENT_BELOW_LOUD_DB = -40.0
SHORTEST_S = 0.25
"""Shorter sounds are no example: their level and their pitch cannot be told."""


@dataclass(frozen=True)
class Recording:
    """One sound file and what is known about it.

    Args:
        file: where it is.
        name: its path below the root, with forward slashes: the `source` of its examples.
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


def read_audio(file: Path, sample_rate: int) -> Audio:
    """Read a sound file as mono at the wanted rate.

    Shape:
        -> [T], float32
    Raises:
        DataError: the file cannot be decoded, is empty, is cut short or holds samples that are not finite.
    """
    try:
        with AudioReader(file) as reader:
            file_rate = reader.info.sample_rate
            channels = np.concatenate(list(reader.blocks(reader.info.frames)), axis=1)
    except AudioFileError as error:
        raise DataError(f"{error}; or exclude it") from error
    audio = np.ascontiguousarray(channels.mean(axis=0), dtype=np.float32)
    if not np.all(np.isfinite(audio)):
        raise DataError(f"{file} holds NaN or Inf; replace it or exclude it")
    if file_rate != sample_rate:
        audio = np.asarray(soxr.resample(audio, file_rate, sample_rate), dtype=np.float32)
    return audio


def cut_clips(recording: Recording, sample_rate: int, segment_seconds: float) -> list[Example]:
    """Cut a recording, set to one loudness as a whole, into examples of one length.

    The last example ends where the recording ends, so it may overlap the one before. A recording shorter than
    `segment_seconds` is one shorter example; one below 0.25 s gives none. Examples that stay 40 dB below the
    recording's loud part are left out.

    Raises:
        DataError: the recording cannot be read or is silent.
    """
    audio = set_level(read_audio(recording.file, sample_rate), sample_rate)
    if not np.any(audio):
        raise DataError(f"{recording.name} is silent; exclude it")
    if len(audio) < SHORTEST_S * sample_rate:
        return []
    length = min(round(segment_seconds * sample_rate), len(audio))
    starts = list(range(0, len(audio) - length + 1, length))
    if len(audio) - starts[-1] - length > length // 4:
        starts.append(len(audio) - length)
    frame = max(1, sample_rate // 100)
    threshold_db = np.percentile(frame_levels_db(audio, frame), 95) + SILENT_BELOW_LOUD_DB
    pieces = [audio[start : start + length] for start in starts]
    sounding = [piece for piece in pieces if np.percentile(frame_levels_db(piece, frame), 95) > threshold_db]
    return [Example.of_audio(piece, sample_rate, recording.instrument, recording.name) for piece in sounding]
