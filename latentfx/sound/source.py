"""Opens a sound file, by its path or as an open file, whatever its header says of its length."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, TypeGuard, cast

import soundfile

from latentfx.errors import AudioFileError
from latentfx.files import expanded
from latentfx.sound import flac_frames, ogg_pages
from latentfx.sound.decoder import decode, needs_decoder
from latentfx.sound.mp3_frames import Mp3Frames, count_frames
from latentfx.sound.open_sizes import mended_head
from latentfx.sound.splice import Spliced, read_at

FAILURES: Final = (soundfile.SoundFileError, OSError, AssertionError, RuntimeError, ValueError, TypeError)
_PIECE: Final = 1 << 16
SoundSource = str | os.PathLike[str] | BinaryIO


@dataclass
class Opened:
    """A sound file that is open.

    Args:
        sound: it.
        raw: its bytes.
        closing: what is to be closed with it.
        slack: samples by which the stated length may be too large.
        cut: whether it ends before it should.
        subtype: the name of its sample format.
        notes: what people should know of it.
        tags: title, artist and so on, by libsndfile's names.
    """

    sound: soundfile.SoundFile
    raw: BinaryIO
    closing: ExitStack
    slack: int = 0
    cut: bool = False
    subtype: str = ""
    notes: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tags = self.tags or self.sound.copy_metadata()


def is_open_file(source: object) -> bool:
    """Whether something is an open file, or like one: `io.BytesIO`."""
    return hasattr(source, "read") and not isinstance(source, (str, os.PathLike))


def is_file(source: object) -> TypeGuard[SoundSource]:
    """Whether a source is a file, by its path or open, and no array."""
    return isinstance(source, (str, os.PathLike)) or is_open_file(source)


def name_of(source: SoundSource) -> str:
    """How messages call a source."""
    if isinstance(source, (str, os.PathLike)):
        return str(expanded(source))
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the open file"


def open_sound(source: SoundSource) -> Opened:
    """Open a sound file.

    Args:
        source: a path; or an open binary file, which is read from its start and stays open.

    Raises:
        AudioFileError: no such file, no right to read it, or no audio in it.
    """
    with ExitStack() as closing:
        raw = _open_raw(source, closing)
        opened = _open(source, raw, closing)
        closing.callback(opened.sound.close)
        opened.closing = closing.pop_all()
    return opened


def reason(error: BaseException) -> str:
    """Why something failed, in a few words."""
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return str(text).strip().rstrip(".").removeprefix("Error : ") or type(error).__name__


def path_bytes(path: Path) -> str | bytes:
    """A path as libsndfile takes it: names that are not UTF-8 too."""
    return os.fsencode(path) if os.name == "posix" else str(path)


def _open_raw(source: SoundSource, closing: ExitStack) -> BinaryIO:
    if not isinstance(source, (str, os.PathLike)):
        return _seekable(source, name_of(source), closing)
    path = expanded(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioFileError(f"{path} is a folder; give a sound file, or a folder to `apply_many`")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise AudioFileError(f"{path} is a device or a socket; give a sound file")
        raw = closing.enter_context(path.open("rb"))
    except (FileNotFoundError, NotADirectoryError):
        raise AudioFileError(f"no sound file {path}; check the name and the folder") from None
    except PermissionError:
        raise AudioFileError(
            f"{path} may not be read: its permissions, or those of a folder above it, forbid it. "
            "Allow it with chmod u+r, or ask its owner"
        ) from None
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{path} cannot be opened ({reason(error)}); check the name") from None
    return _seekable(raw, str(path), closing)


def _seekable(raw: BinaryIO, name: str, closing: ExitStack) -> BinaryIO:
    """The file, or a copy of what a pipe gives."""
    try:
        if raw.seekable():
            return raw
        copy = cast("BinaryIO", closing.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115  # `closing` closes it
        shutil.copyfileobj(raw, copy)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise AudioFileError(
            f"{name} cannot be read ({reason(error)}); give a sound file, or one opened with open(NAME, 'rb')"
        ) from None
    return copy


def _open(source: SoundSource, raw: BinaryIO, closing: ExitStack) -> Opened:
    try:
        head = read_at(raw, 0, 64)
    except (OSError, ValueError, TypeError) as error:
        raise AudioFileError(f"{name_of(source)} cannot be read ({reason(error)})") from None
    if not isinstance(head, bytes):
        raise AudioFileError(f"{name_of(source)} gives text; open it with open(NAME, 'rb')")
    if needs_decoder(head):
        raw = decode(raw, name_of(source), closing)
        return Opened(_sound(Spliced(b"", raw, 0), name_of(source)), raw, closing, subtype="DECODED")
    if head[:4] == ogg_pages.MARK:
        return _open_ogg(source, raw, closing)
    start = flac_frames.find_header(raw)
    if start is not None and flac_frames.lacks_length(read_at(raw, start, flac_frames.HEAD_BYTES)):
        return _open_flac(source, raw, start, closing)
    mended = mended_head(raw)
    if mended is not None:
        sound = _sound(Spliced(mended, raw, len(mended)), name_of(source))
        note = "The header gives no length. Everything after it was read as sound."
        return Opened(sound, raw, closing, subtype=sound.subtype, notes=[note])
    sound = _sound(_direct(source, raw), name_of(source))
    if sound.format == "MP3":
        return _open_mpeg(source, sound, raw, closing)
    return Opened(sound, raw, closing, subtype=sound.subtype)


def _direct(source: SoundSource, raw: BinaryIO) -> object:
    """What libsndfile reads by itself: the file's path where it has one."""
    if isinstance(source, (str, os.PathLike)) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        path = expanded(source)
        if path.is_file():
            return path_bytes(path)
    return Spliced(b"", raw, 0)


def _open_ogg(source: SoundSource, raw: BinaryIO, closing: ExitStack) -> Opened:
    pages = ogg_pages.walk_pages(raw)
    if pages.is_cut or len(pages.starts) == 1:
        sound = _sound(_direct(source, raw), name_of(source))
        return Opened(sound, raw, closing, cut=pages.is_cut, subtype=sound.subtype)
    return _open_joined(raw, pages, name_of(source), closing)


def _open_joined(raw: BinaryIO, pages: ogg_pages.OggPages, name: str, closing: ExitStack) -> Opened:
    """Decode the recordings of an Ogg file into one passing file: libsndfile reads the first one only."""
    ends = (*pages.starts[1:], pages.end)
    try:
        wave = cast("BinaryIO", closing.enter_context(tempfile.TemporaryFile()))  # noqa: SIM115  # `closing` closes it
        with _sound(Spliced(b"", raw, 0, ends[0]), name) as first:
            form, subtype, tags = (first.samplerate, first.channels), first.subtype, first.copy_metadata()
        with soundfile.SoundFile(wave, "w", *form, "FLOAT", format="W64") as joined:
            for start, end in zip(pages.starts, ends, strict=True):
                with _sound(Spliced(b"", raw, start, end), name) as part:
                    _check_form(part, form, joined.frames, name)
                    while len(block := part.read(_PIECE, dtype="float32", always_2d=True)):
                        joined.write(block)
    except AudioFileError:
        raise
    except FAILURES as error:
        raise AudioFileError(
            f"{name} cannot be decoded ({reason(error)}); is it damaged, or the folder "
            f"{tempfile.gettempdir()} full?"
        ) from None
    return Opened(_sound(Spliced(b"", wave, 0), name), wave, closing, subtype=subtype, tags=tags)


def _check_form(part: soundfile.SoundFile, form: tuple[int, int], frames: int, name: str) -> None:
    if (part.samplerate, part.channels) != form:
        raise AudioFileError(
            f"{name} changes its sample rate or its channels after {frames / form[0]:.2f} s: it was "
            "joined from several files. Split it, or save it anew in an audio editor"
        )


def _open_flac(source: SoundSource, raw: BinaryIO, start: int, closing: ExitStack) -> Opened:
    samples = flac_frames.count_samples(raw)
    head = read_at(raw, start, flac_frames.HEAD_BYTES)
    mended = flac_frames.with_length(head, samples or 1)
    sound = _sound(Spliced(mended, raw, start + flac_frames.HEAD_BYTES), name_of(source))
    return Opened(sound, raw, closing, cut=samples is None, subtype=sound.subtype)


def _open_mpeg(source: SoundSource, sound: soundfile.SoundFile, raw: BinaryIO, closing: ExitStack) -> Opened:
    frames = count_frames(raw)
    if frames is None:
        return Opened(sound, raw, closing, subtype=sound.subtype)
    _check_rate(frames, name_of(source))
    if frames.first.layer == 3 and frames.count and not frames.is_declared:
        sound.close()
        sound = _sound(Spliced(frames.head(), raw, frames.start), name_of(source))
    opened = Opened(sound, raw, closing, cut=frames.is_cut, subtype=sound.subtype)
    opened.slack = 0 if frames.is_declared else 4 * frames.first.samples
    return opened


def _check_rate(frames: Mp3Frames, name: str) -> None:
    if frames.changes is not None:
        raise AudioFileError(
            f"{name} changes its sample rate after {frames.changes / frames.first.sample_rate:.2f} s: it was "
            "joined from several files. Split it, or save it anew in an audio editor"
        )


def _sound(file: object, name: str) -> soundfile.SoundFile:
    opening: Callable[..., soundfile.SoundFile] = soundfile.SoundFile
    try:
        return opening(file)
    except FAILURES as error:
        raise AudioFileError(
            f"{name} cannot be read as audio ({reason(error)}); readable are wav, flac, mp3, ogg, "
            "aiff and their kin. Is the file damaged, or of another kind?"
        ) from None
