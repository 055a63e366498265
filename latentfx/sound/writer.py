"""Sound files written beside the target, and put in its place when they are whole.

Kept from the source: rate, channels, bit depth (or the nearest that the format has), and the tags title,
artist, album, date, comment, genre, track number, licence and copyright, where the format has them. Pictures,
cue points and broadcast chunks are not copied.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import soundfile

from latentfx.arrays import Float32
from latentfx.errors import AudioFileError
from latentfx.files import PartFile, expanded
from latentfx.sound.reader import AudioInfo
from latentfx.sound.source import FAILURES, path_bytes, reason

# Suffix -> libsndfile's format, and the subtype for material without one of its own.
WRITTEN: Final = {
    ".aif": ("AIFF", "PCM_24"),
    ".aiff": ("AIFF", "PCM_24"),
    ".au": ("AU", "PCM_24"),
    ".caf": ("CAF", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".oga": ("OGG", "VORBIS"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".rf64": ("RF64", "PCM_24"),
    ".w64": ("W64", "PCM_24"),
    ".wav": ("WAV", "PCM_24"),
    ".wave": ("WAV", "PCM_24"),
}
_FLOATING = ("FLOAT", "DOUBLE")
_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_ALAC = {"ALAC_16": "PCM_16", "ALAC_20": "PCM_24", "ALAC_24": "PCM_24", "ALAC_32": "PCM_32"}
_LONGEST_NAME = 255
_MAX_WAV_BYTES = 4_200_000_000
_LONGEST_FLAC = (1 << 36) - 1


class AudioWriter:
    """Writes a sound file; use it in a `with` block.

    The file grows beside the target under a hidden name. At the end of the block it is checked and takes the
    target's place in one step; after an error or Ctrl-C it is removed, and the target is what it was.

    Args:
        path: the target; its suffix chooses the format.
        like: rate, channels, bit depth and tags to keep.
        keeps: what was played cannot be made again: when the disk is full, keep what is on it.

    Raises:
        AudioFileError: a format that cannot be written or cannot hold this audio, a folder that is absent or
            read-only, a full disk.
    """

    def __init__(self, path: str | os.PathLike[str], like: AudioInfo, keeps: bool = False) -> None:
        self.path = Path(os.path.realpath(expanded(path)))
        self.frames = 0
        self.clipped = 0
        self.peak = 0.0
        self._like = like
        self._keeps = keeps
        kind, fallback = _format(self.path, like)
        self.subtype = _subtype(kind, fallback, like.subtype)
        self._limited = self.subtype not in _FLOATING
        self._format = "RF64" if kind == "WAV" and _size(self.subtype, like) > _MAX_WAV_BYTES else kind

    def write(self, audio: Float32) -> None:
        """Write the next samples; what lies beyond full scale is clipped unless the format holds floats.

        Shape:
            audio [C, T]
        """
        if not audio.shape[1]:
            return
        self.peak = max(self.peak, float(np.abs(audio).max()))
        if self._limited and self.peak > 1.0:
            self.clipped += int(np.count_nonzero(np.abs(audio) > 1.0))
            audio = np.clip(audio, -1.0, 1.0)
        try:
            self._file.write(audio.T)
        except FAILURES as error:
            raise AudioFileError(self._cannot(reason(error))) from None
        self.frames += audio.shape[1]

    def __enter__(self) -> Self:
        _check_target(self.path)
        self._target = PartFile(self.path, keeps=self._keeps)
        self._part = self._target.path
        try:
            self._touch()
            self._file = self._create()
        except BaseException:  # Ctrl-C too, as soon as the file is there
            with suppress(OSError):
                self._target.discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        except AudioFileError:
            kind = AudioFileError
            raise
        finally:
            if self._keeps and kind is AudioFileError:
                self._finish_in_part()
            if not self._file.closed:
                self._discard()
            self._target.discard()

    def _touch(self) -> None:
        try:
            self._target.create()
        except OSError as error:
            raise AudioFileError(self._cannot(reason(error))) from None

    def _create(self) -> soundfile.SoundFile:
        like = self._like
        lossy = {"compression_level": 0.1} if self.subtype in ("VORBIS", "MPEG_LAYER_III") else {}
        try:
            file = soundfile.SoundFile(
                path_bytes(self._part),
                "w",
                like.sample_rate,
                like.channels,
                self.subtype,
                format=self._format,
                **lossy,
            )
        except FAILURES as error:
            raise AudioFileError(
                f"{self.path.name} cannot hold {like.channels} channels at {like.sample_rate} Hz as "
                f"{self._format} {self.subtype} ({reason(error)}); write .wav, which takes any"
            ) from None
        for tag, text in like.tags.items():
            try:
                setattr(file, tag, text)
            except soundfile.SoundFileError:  # this format has no such tag
                continue
        return file

    def _finish(self) -> None:
        try:
            self._file.close()
            written = soundfile.info(path_bytes(self._part)).frames
            if written != self.frames:
                raise AudioFileError(self._cannot(f"{written} of {self.frames} samples arrived"))
            self._target.commit()
        except AudioFileError:
            raise
        except FAILURES as error:
            raise AudioFileError(self._cannot(reason(error))) from None

    def _finish_in_part(self) -> None:
        """Put what the disk took in its place, if it can be read."""
        self._discard()
        with suppress(*FAILURES):
            self.frames = soundfile.info(path_bytes(self._part)).frames
            if self._format == "FLAC" and self.frames > _LONGEST_FLAC:
                self.frames = _end_flac(self._part)
            if self.frames:
                self._target.commit()

    def _discard(self) -> None:
        try:
            self._file.close()
        except FAILURES:
            return

    def _cannot(self, why: str) -> str:
        left = "What was written until then is kept" if self._keeps else "Nothing was changed"
        return (
            f"cannot write {self.path} ({why}); is the disk full, or the folder read-only? "
            f"{left}: free some space or choose another folder"
        )


def _end_flac(path: Path) -> int:
    """Write the length of a stream that was not ended into its STREAMINFO (RFC 9639, section 8.2).

    Returns:
        Samples that can be read.
    """
    frames = 0
    with soundfile.SoundFile(path_bytes(path)) as file, suppress(*FAILURES):
        while size := len(file.read(4096)):
            frames += size
    with path.open("r+b") as raw:
        raw.seek(18)
        fields = int.from_bytes(raw.read(8), "big")
        raw.seek(18)
        raw.write((fields & ~_LONGEST_FLAC | frames).to_bytes(8, "big"))
    return frames


def _check_target(path: Path) -> None:
    folder = path.parent
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise AudioFileError(f"{path.name} is too long a name for a file; give one of 255 bytes at most")
    if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises for loops of links
        raise AudioFileError(
            f"there is no folder {folder} to write {path.name} into; make it with: mkdir -p '{folder}'"
        )
    if path.exists() and not path.is_file():
        raise AudioFileError(f"{path} is not a regular file; give the name of a sound file to write")
    if path.exists() and not path.stat().st_mode & 0o222:
        raise AudioFileError(f"{path} is read-only; make it writable with chmod u+w, or choose another name")


def _format(path: Path, like: AudioInfo) -> tuple[str, str]:
    if path.suffix.lower() not in WRITTEN:
        known = " ".join(WRITTEN)
        raise AudioFileError(f"{path.name!r} ends in no format that can be written; choose one of {known}")
    if like.channels < 1 or like.sample_rate < 1:
        raise AudioFileError(
            f"{like.channels} channels at {like.sample_rate} Hz cannot be written; give at least 1"
        )
    return WRITTEN[path.suffix.lower()]


def _subtype(kind: str, fallback: str, wanted: str) -> str:
    """Keep the source's sample format, or the nearest depth that the format has."""
    wanted = _ALAC.get(wanted, wanted)
    if fallback in ("VORBIS", "OPUS", "MPEG_LAYER_III"):
        return fallback
    if wanted in _BYTES and soundfile.check_format(kind, wanted):
        return wanted
    if wanted in ("PCM_U8", "PCM_S8"):
        return "PCM_S8" if wanted == "PCM_U8" and soundfile.check_format(kind, "PCM_S8") else "PCM_U8"
    if wanted in ("PCM_24", "PCM_32", *_FLOATING):
        return fallback
    return "PCM_16"


def _size(subtype: str, like: AudioInfo) -> int:
    return like.frames * like.channels * _BYTES.get(subtype, 0)
