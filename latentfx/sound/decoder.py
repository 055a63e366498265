"""Reads what phones write (m4a, aac, wma) through ffmpeg, where it is installed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

from latentfx.errors import AudioFileError

DECODED: Final = frozenset({".m4a", ".aac", ".wma", ".mp4", ".m4b", ".3gp"})
_WMA = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_COMMAND: Final = ["-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file,pipe", "-i"]
_TO_WAV: Final = ["-map", "0:a:0", "-vn", "-c:a", "pcm_f32le", "-rf64", "auto", "-f", "wav"]


def needs_decoder(head: bytes) -> bool:
    """Whether a file that begins so is one of those that libsndfile does not know."""
    is_aac = head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0  # ADTS
    return head[4:8] == b"ftyp" or head.startswith(_WMA) or is_aac


def decode(raw: BinaryIO, name: str, closing: ExitStack) -> BinaryIO:
    """Decode a file into a WAV file in the folder for passing files.

    Args:
        raw: the file.
        name: how messages call it.
        closing: removes the WAV file.

    Raises:
        AudioFileError: ffmpeg is not installed, or cannot read the file.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        wav = Path(name).with_suffix(".wav").name
        command = shlex.join(["ffmpeg", "-i", name, wav])
        raise AudioFileError(
            f"{name} is in a format of phones (m4a, aac, wma), which needs the program ffmpeg, and that is "
            f"not installed. Install it, or convert the file elsewhere: {command}"
        )
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="latentfx-")))
    coded, wav_file = folder / "coded", folder / "decoded.wav"
    try:
        with coded.open("wb") as copy:
            raw.seek(0)
            shutil.copyfileobj(raw, copy)
        words = [program, *_COMMAND, f"file:{coded}", *_TO_WAV, f"file:{wav_file}"]
        ran = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        if ran.returncode == 0 and wav_file.is_file():
            coded.unlink()
            return closing.enter_context(wav_file.open("rb"))
    except OSError as error:
        why = error.strerror or error
        raise AudioFileError(f"{name} cannot be decoded ({why}); is the disk full?") from None
    said = ran.stderr.decode(errors="replace").strip().splitlines()
    why = said[-1].replace(f"file:{coded}", "it") if said else f"exit code {ran.returncode}"
    raise AudioFileError(f"{name} cannot be read: ffmpeg says {why!r}. Is the file damaged, or not audio?")
