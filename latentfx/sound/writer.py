"""Sound files written beside the target, and put in its place when they are whole.

Kept from the source, where the format has them: rate, channels, bit depth (or the nearest), the tags title,
artist, album, date, comment, genre, track number, licence and copyright; and from WAV to WAV, or AIFF to
AIFF, what `latentfx.sound.chunks` names: cue points, loops, broadcast data, the layout of speakers. Notes say
what was left out. Pictures are not copied.
"""

from __future__ import annotations

import errno
import os
import shlex
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from latentfx.arrays import Float32
from latentfx.dsp.resample import StreamResampler
from latentfx.errors import AudioFileError
from latentfx.files import PartFile, expanded
from latentfx.names import counted
from latentfx.sound.chunks import write_extras
from latentfx.sound.form import FLOATING, choose_form
from latentfx.sound.id3 import write_id3, write_id3_chunk
from latentfx.sound.level import peak
from latentfx.sound.limiter import file_limiter
from latentfx.sound.reader import AudioInfo
from latentfx.sound.source import FAILURES, path_bytes, reason

_LONGEST_NAME = 255
_LONGEST_FLAC = (1 << 36) - 1
_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))


class AudioWriter:
    """Writes a sound file; use it in a `with` block.

    The file grows beside the target under a hidden name. At the end of the block it is checked and takes the
    target's place in one step; after an error or Ctrl-C it is removed, and the target is what it was.

    Args:
        path: the target; its suffix chooses the format.
        like: rate, channels, bit depth and tags to keep.
        keeps: what was played cannot be made again: when the disk is full, keep what is on it.
        limits: where the format holds no more than full scale, turn down what is beyond; else it is clipped.

    Raises:
        AudioFileError: a format that cannot be written or cannot hold this audio, a folder that is absent or
            read-only, a full disk.
    """

    def __init__(
        self, path: str | os.PathLike[str], like: AudioInfo, keeps: bool = False, limits: bool = False
    ) -> None:
        self.path = Path(os.path.realpath(expanded(path)))
        self.frames = 0
        self.clipped = 0
        self.peak = 0.0
        self._like = like
        self._keeps = keeps
        self.form = choose_form(self.path, like)
        self._limited = self.form.subtype not in FLOATING
        self._limiter = file_limiter(self.form.sample_rate) if limits and self._limited else None
        self._resampler = StreamResampler(like.sample_rate, self.form.sample_rate, like.channels)
        self._lost_tags: list[str] = []

    @property
    def limited(self) -> bool:
        """Whether something was turned down."""
        return self._limiter is not None and self._limiter.blocks > 0

    @property
    def part(self) -> Path:
        """The hidden file that grows, inside the `with` block."""
        return self._part

    def write(self, audio: Float32) -> None:
        """Write the next samples.

        What lies beyond full scale is clipped, unless the format holds floats or the writer limits.

        Shape:
            audio [C, T]
        """
        self._put(self._within(self._resampler.process(audio)))

    def notes(self) -> list[str]:
        """What people should know of a file that is whole: what its format could not hold."""
        form, like = self.form, self._like
        found = []
        if form.sample_rate != like.sample_rate:
            found.append(f"{form} has no {like.sample_rate} Hz: resampled to {form.sample_rate} Hz")
        if self._lost_tags:
            found.append(f"{form} has no place for the tags {', '.join(self._lost_tags)}: left out")
        if like.extras is not None and like.extras.family != form.family and (words := like.extras.words()):
            cure = f"write .{like.extras.family.lower()} to keep them"
            found.append(f"{form} cannot hold what is beside the sound: {', '.join(words)}; {cure}")
        return found

    def _within(self, audio: Float32) -> Float32:
        """Turn down what is beyond full scale, late by some milliseconds, where the writer limits."""
        if not audio.shape[1]:
            return audio
        self.peak = max(self.peak, peak(audio))
        return audio if self._limiter is None else self._limiter.push(audio)

    def _put(self, audio: Float32) -> None:
        if not audio.shape[1]:
            return
        if self._limited and self.peak > 1.0:
            self.clipped += int(np.count_nonzero(np.abs(audio) > 1.0))
            audio = np.clip(audio, -1.0, 1.0)
        try:
            self._file.write(audio.T)
        except FAILURES as error:
            raise AudioFileError(self._cannot(self._target.trouble() or reason(error))) from None
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
        lossy = {"compression_level": 0.1} if self.form.subtype in ("VORBIS", "MPEG_LAYER_III") else {}
        try:
            file = soundfile.SoundFile(
                path_bytes(self._part),
                "w",
                self.form.sample_rate,
                like.channels,
                self.form.subtype,
                format=self.form.kind,
                **lossy,
            )
        except FAILURES as error:
            trouble = self._target.trouble()
            if trouble or reason(error) == "System error":  # the header could not be written
                raise AudioFileError(self._cannot(trouble or "the system refuses")) from None
            raise AudioFileError(self._cannot_hold(reason(error))) from None
        for tag, text in like.tags.items():
            if self.form.kind == "MP3":
                continue  # they are written at the end, in any script
            try:
                setattr(file, tag, text)
            except soundfile.SoundFileError:  # this format has no such tag
                continue
        return file

    def _finish(self) -> None:
        try:
            self._put(self._within(self._resampler.flush()))
            if self._limiter is not None:
                self._put(self._limiter.flush())
            self._file.close()
            self._put_beside()
            self._check()
            self._target.commit()
        except AudioFileError:
            raise
        except FAILURES as error:
            raise AudioFileError(self._cannot(self._target.trouble() or reason(error))) from None

    def _put_beside(self) -> None:
        """Write what libsndfile does not: tags of MP3 files, and chunks."""
        like = self._like
        if self.form.kind == "MP3" and like.tags:
            write_id3(self._part, like.tags)
        if like.extras is not None and like.extras.family == self.form.family:
            write_extras(self._part, like.extras, like.channels)

    def _check(self) -> None:
        """Compare what is on the disk with what was given."""
        with soundfile.SoundFile(path_bytes(self._part)) as file:
            written, tags = file.frames, file.copy_metadata()
        if written != self.frames:
            why = self._target.trouble() or f"{written} of {self.frames} samples arrived"
            raise AudioFileError(self._cannot(why))
        if self.form.kind != "MP3":
            self._lost_tags = [tag for tag, text in self._like.tags.items() if tags.get(tag) != text]
        if self._lost_tags and self.form.kind in ("WAV", "WAVEX"):
            write_id3_chunk(self._part, {tag: self._like.tags[tag] for tag in self._lost_tags})
            self._lost_tags = []

    def _finish_in_part(self) -> None:
        """Put what the disk took in its place, if it can be read."""
        self._discard()
        with suppress(*FAILURES):
            self.frames = soundfile.info(path_bytes(self._part)).frames
            if self.form.kind == "FLAC" and self.frames > _LONGEST_FLAC:
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
        cause = f": {why}." if why in _FULL else f" ({why}); is the disk full, or the folder read-only?"
        return f"cannot write {self.path}{cause} {left}: free some space or choose another folder"

    def _cannot_hold(self, why: str) -> str:
        like, form = self._like, self.form
        cure = "give fewer channels" if form.kind.startswith("WAV") else "write .wav, which takes any"
        return (
            f"{self.path.name} cannot hold {counted(like.channels, 'channel')} at {like.sample_rate} Hz as "
            f"{form.kind} {form.subtype} ({why}); {cure}"
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
            f"there is no folder {folder} to write {path.name} into; make it with: "
            f"mkdir -p {shlex.quote(str(folder))}"
        )
    if path.exists() and not path.is_file():
        raise AudioFileError(f"{path} is not a regular file; give the name of a sound file to write")
    if path.exists() and not path.stat().st_mode & 0o222:
        raise AudioFileError(f"{path} is read-only; make it writable with chmod u+w, or choose another name")
