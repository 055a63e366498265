"""Sound files read in pieces: wav, flac, mp3, ogg, opus, aiff and whatever else libsndfile knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import AudioFileError
from latentfx.sound.chunks import Extras, read_extras
from latentfx.sound.flac_frames import count_samples
from latentfx.sound.source import FAILURES, SoundSource, name_of, open_sound, reason

TAGS: Final = ("title", "artist", "album", "date", "comment", "genre", "tracknumber", "license", "copyright")
_UNKNOWN_SIZE = 0x7FFF0000
_CURE = "Copy it again, or open and save it in an audio editor to keep what is there"


@dataclass(frozen=True)
class AudioInfo:
    """What a sound file says of itself.

    Args:
        sample_rate: Hz.
        channels: how many.
        frames: samples of one channel.
        subtype: how libsndfile calls the sample format (`PCM_16`, `FLOAT`, `VORBIS`).
        tags: title, artist and so on.
        extras: what it holds beside them, such as cue points; None where there is nothing.
    """

    sample_rate: int
    channels: int
    frames: int = 0
    subtype: str = "FLOAT"
    tags: Mapping[str, str] = field(default_factory=dict)
    extras: Extras | None = None


class AudioReader:
    """A sound file, read in pieces; use it in a `with` block.

    Args:
        source: a path; or an open binary file (`io.BytesIO`), which is read from its start and stays open.

    Raises:
        AudioFileError: no such file, no right to read it, not audio, empty, or cut short.
    """

    def __init__(self, source: SoundSource) -> None:
        self.name = name_of(source)
        self._opened = open_sound(source)
        self._file = self._opened.sound
        self.notes = tuple(self._opened.notes)
        self.info = AudioInfo(
            self._file.samplerate,
            self._file.channels,
            self._file.frames,
            self._opened.subtype,
            {tag: text for tag, text in self._opened.tags.items() if tag in TAGS},
            read_extras(self._opened.raw),
        )
        try:
            self._check()
        except AudioFileError:
            self._opened.closing.close()
            raise

    def blocks(self, size: int) -> Iterator[Float32]:
        """Read the file in pieces of so many samples, the last one shorter.

        Shape:
            each [C, size] or less
        Raises:
            AudioFileError: the file is damaged, or ends before its header says.
        """
        done = 0
        while done < self.info.frames:
            try:
                block = self._file.read(min(size, self.info.frames - done), dtype="float32", always_2d=True)
            except FAILURES as error:
                raise AudioFileError(self._broken(done, error)) from None
            if not len(block):
                if done and self.info.frames - done <= self._opened.slack:
                    return
                raise AudioFileError(self._short(done))
            done += len(block)
            yield np.ascontiguousarray(block.T)

    def frames_at(self, starts: Iterable[int], size: int) -> Iterator[Float32]:
        """Read short stretches that begin at these samples, channels averaged, silence beyond the end.

        Shape:
            each [size]
        Raises:
            AudioFileError: the file is damaged.
        """
        for start in starts:
            try:
                self._file.seek(int(start))
                frame = self._file.read(size, dtype="float32", always_2d=True, fill_value=0.0)
            except FAILURES as error:
                raise AudioFileError(self._broken(start, error)) from None
            yield frame.mean(axis=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._opened.closing.close()

    def _check(self) -> None:
        for label, promised, there in re.findall(
            r"(\w+)\s*: (\d+) \(should be (\d+)\)", self._file.extra_info
        ):
            if label in ("data", "SSND", "Size", "riff") and int(there) < int(promised) < _UNKNOWN_SIZE:
                raise AudioFileError(self._short(self.info.frames))
        if self._opened.cut:
            raise AudioFileError(f"{self.name} is cut short: its last part is not whole. {_CURE}")
        if self.info.frames < 1:
            raise AudioFileError(
                f"{self.name} holds no samples: it is empty or cut short. Record or copy it again"
            )

    def _at(self, frames: int) -> str:
        return f"{frames / self.info.sample_rate:.2f} s"

    def _broken(self, frames: int, error: Exception) -> str:
        """Why samples from a position on cannot be read."""
        if self._file.format == "FLAC":
            there = count_samples(self._opened.raw)
            if there is None or there < self.info.frames:
                return self._short(frames)
        return f"{self.name} is damaged after {self._at(frames)}: {reason(error)}"

    def _short(self, frames: int) -> str:
        return (
            f"{self.name} is cut short: it ends after {self._at(frames)} although its header promises more. "
            f"{_CURE}"
        )
