"""Tags that libsndfile cannot write: those of MP3 beyond ASCII, and those that WAV has no field for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from latentfx.errors import AudioFileError

_FRAMES: Final = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "date": "TDRC",
    "genre": "TCON",
    "tracknumber": "TRCK",
    "copyright": "TCOP",
}
_UTF_16: Final = 1


def write_id3(path: Path, tags: Mapping[str, str]) -> None:
    """Write tags into an MP3 file, as ID3 of version 2.3, which every player reads.

    Args:
        path: a whole file.
        tags: text by name; see `latentfx.sound.reader.TAGS`.

    Raises:
        AudioFileError: the disk refuses.
    """
    from mutagen import MutagenError, id3

    found = id3.ID3()
    _add(found, tags)
    try:
        found.save(path, v1=id3.ID3v1SaveOptions.REMOVE, v2_version=3)
    except MutagenError as error:
        raise AudioFileError(f"cannot write the tags of {path.name} ({error}); is the disk full?") from None


def write_id3_chunk(path: Path, tags: Mapping[str, str]) -> None:
    """Write tags that a WAV file has no field for into its ID3 chunk.

    Args:
        path: a whole WAV file, whatever its suffix.
        tags: as above.

    Raises:
        AudioFileError: the disk refuses.
    """
    from mutagen import MutagenError
    from mutagen.wave import WAVE

    try:
        file = WAVE(path)
        if file.tags is None:
            file.add_tags()
        _add(file.tags, tags)
        file.save(v2_version=3)
    except MutagenError as error:
        raise AudioFileError(f"cannot write the tags of {path.name} ({error}); is the disk full?") from None


def _add(found: Any, tags: Mapping[str, str]) -> None:
    from mutagen import id3

    for tag, text in tags.items():
        if tag in _FRAMES:
            found.add(id3.Frames[_FRAMES[tag]](encoding=_UTF_16, text=[text]))
    if "comment" in tags:
        found.add(id3.COMM(encoding=_UTF_16, lang="XXX", desc="", text=[tags["comment"]]))
    if "license" in tags:
        found.add(id3.TXXX(encoding=_UTF_16, desc="LICENSE", text=[tags["license"]]))
    found.update_to_v23()
