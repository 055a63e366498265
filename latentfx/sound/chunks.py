"""What WAV and AIFF files hold beside samples: cue points, loops, broadcast data, the layout of speakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from latentfx.sound.splice import read_at, size_of

Order = Literal["big", "little"]

# Name of a chunk that is kept -> what people call it. Their times count samples, which stay where they are.
KEPT: Final = {
    b"cue ": "cue points",
    b"plst": "the play list",
    b"smpl": "sampler loops",
    b"inst": "the key range",
    b"acid": "the tempo",
    b"bext": "broadcast data",
    b"cart": "broadcast data",
    b"iXML": "production data",
    b"axml": "production data",
    b"MARK": "cue points",
    b"INST": "sampler loops",
    b"COMT": "comments",
    b"CHAN": "the layout of speakers",
    b"id3 ": "tags",
    b"ID3 ": "tags",
}
_LABELS: Final = "labels"
_SPEAKERS: Final = "the layout of speakers"
_MOST_CHUNKS: Final = 1000
_MOST_BYTES: Final = 1 << 24
_LARGE: Final = (b"RF64", b"BW64")
_UNKNOWN: Final = 0xFFFFFFFF
_EXTENSIBLE: Final = 0xFFFE
_MASK_AT: Final = 20
# The order that formats without a layout have, by the number of channels: nothing is lost with these.
_USUAL: Final = {1: (0x4,), 2: (0x3,), 3: (0x7,), 4: (0x33,), 5: (0x37,), 6: (0x3F, 0x60F), 8: (0xFF, 0x63F)}
_BEXT_VERSION: Final = 346
_BEXT_LOUDNESS: Final = slice(412, 422)
_NO_LOUDNESS: Final = b"\xff\x7f" * 5


@dataclass(frozen=True)
class Chunk:
    """A part of a file.

    Args:
        name: four bytes.
        start: position of its content.
        length: bytes of its content.
    """

    name: bytes
    start: int
    length: int


@dataclass(frozen=True)
class Extras:
    """What a file holds beside samples and tags.

    Args:
        family: `WAV` or `AIFF`; only a file of the same family can take it over.
        speakers: which speakers the channels are for, a bit for each; None where the file does not say.
        channels: that `speakers` speaks of.
        chunks: name and content of the chunks that are kept, in the order of the file.
    """

    family: str = "WAV"
    speakers: int | None = None
    channels: int = 0
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    def words(self) -> list[str]:
        """What it holds, as people call it, each once. Speakers in the usual order are no loss."""
        found = [KEPT.get(name, _LABELS) for name, _ in self.chunks]
        if self.speakers is not None and self.speakers not in _USUAL.get(self.channels, (0,)):
            found.append(_SPEAKERS)
        return list(dict.fromkeys(found))


def walk_chunks(file: BinaryIO, position: int, width: int, order: Order) -> Iterator[Chunk]:
    """Walk through the chunks of a file, at most a thousand.

    Files of more than 4 GB (RF64) give the length of their samples in a chunk `ds64`.

    Args:
        file: open for reading.
        position: of the first chunk.
        width: bytes of a chunk's length.
        order: of these bytes.
    """
    samples: int | None = None
    for _ in range(_MOST_CHUNKS):
        header = read_at(file, position, 4 + width)
        if len(header) < 4 + width:
            return
        length = int.from_bytes(header[4:], order)
        if header[:4] == b"ds64":
            samples = int.from_bytes(read_at(file, position + 4 + width + 8, 8), order)
        if header[:4] == b"data" and length == _UNKNOWN and samples is not None:
            length = samples
        yield Chunk(header[:4], position + 4 + width, length)
        position += 4 + width + length + (length % 2 if width == 4 else 0)


def read_extras(file: BinaryIO) -> Extras | None:
    """What a WAV, RF64 or AIFF file holds beside samples and tags; None where there is nothing."""
    kind = read_at(file, 0, 12)
    family, order = _family(kind)
    if family is None:
        return None
    size, left = size_of(file), _MOST_BYTES
    speakers, channels = None, 0
    chunks: list[tuple[bytes, bytes]] = []
    for chunk in walk_chunks(file, 12, 4, order):
        if chunk.name == b"data" and not chunk.length:  # a recorder was stopped: all that follows is sound
            break
        if chunk.name == b"fmt ":
            speakers, channels = _speakers(read_at(file, chunk.start, 40), order)
        elif chunk.length <= left and chunk.start + chunk.length <= size and _is_kept(file, chunk):
            left -= chunk.length
            chunks.append(
                (chunk.name, _without_loudness(chunk.name, read_at(file, chunk.start, chunk.length)))
            )
    if speakers is None and not chunks:
        return None
    return Extras(family, speakers, channels, tuple(chunks))


def write_extras(path: Path, extras: Extras, channels: int) -> None:
    """Put what another file of the family held into a whole file.

    Args:
        path: the file; a WAV file takes the speakers where its format is extensible.
        extras: what is put in.
        channels: of the file.

    Raises:
        OSError: the disk refuses.
    """
    with path.open("r+b") as file:
        kind = read_at(file, 0, 12)
        _, order = _family(kind)
        sizes_at = None
        for chunk in walk_chunks(file, 12, 4, order):
            if chunk.name == b"ds64":
                sizes_at = chunk.start
            if chunk.name == b"fmt " and extras.speakers is not None and channels == extras.channels:
                _write_speakers(file, chunk, extras.speakers)
            if chunk.name in (b"data", b"SSND"):
                break
        _append(file, extras.chunks, order)
        _write_size(file, kind, sizes_at, order)


def _family(kind: bytes) -> tuple[str | None, Order]:
    if kind[:4] in (b"RIFF", *_LARGE) and kind[8:] == b"WAVE":
        return "WAV", "little"
    if kind[:4] == b"RIFX" and kind[8:] == b"WAVE":
        return "RIFX", "big"
    return ("AIFF" if kind[:4] == b"FORM" and kind[8:] in (b"AIFF", b"AIFC") else None), "big"


def _is_kept(file: BinaryIO, chunk: Chunk) -> bool:
    return chunk.name in KEPT or (chunk.name == b"LIST" and read_at(file, chunk.start, 4) == b"adtl")


def _speakers(form: bytes, order: Order) -> tuple[int | None, int]:
    """The speakers and the number of channels that a chunk `fmt ` gives."""
    channels = int.from_bytes(form[2:4], order)
    if len(form) < 40 or int.from_bytes(form[:2], order) != _EXTENSIBLE:
        return None, channels
    return int.from_bytes(form[_MASK_AT : _MASK_AT + 4], order), channels


def _without_loudness(name: bytes, content: bytes) -> bytes:
    """Broadcast data without the loudness that version 2 has: it is the source's, not the result's."""
    if (
        name != b"bext"
        or len(content) < _BEXT_LOUDNESS.stop
        or content[_BEXT_VERSION : _BEXT_VERSION + 2] < b"\2"
    ):
        return content
    return content[: _BEXT_LOUDNESS.start] + _NO_LOUDNESS + content[_BEXT_LOUDNESS.stop :]


def _write_speakers(file: BinaryIO, chunk: Chunk, speakers: int) -> None:
    if int.from_bytes(read_at(file, chunk.start, 2), "little") == _EXTENSIBLE:
        file.seek(chunk.start + _MASK_AT)
        file.write(speakers.to_bytes(4, "little"))


def _append(file: BinaryIO, chunks: Iterable[tuple[bytes, bytes]], order: Order) -> None:
    file.write(b"\0" * (size_of(file) % 2))
    for name, content in chunks:
        length = len(content)
        file.writelines((name, length.to_bytes(4, order), content, b"\0" * (length % 2)))


def _write_size(file: BinaryIO, kind: bytes, sizes_at: int | None, order: Order) -> None:
    size = size_of(file) - 8
    if kind[:4] in _LARGE and sizes_at is not None:
        file.seek(sizes_at)
        file.write(size.to_bytes(8, "little"))
    else:
        file.seek(4)
        file.write(size.to_bytes(4, order))
