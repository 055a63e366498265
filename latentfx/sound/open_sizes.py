"""Mends the header of a file whose recorder was stopped before it wrote the sizes: WAV, RF64, AU and CAF."""

from __future__ import annotations

from typing import BinaryIO, Final

from latentfx.sound.chunks import Order, walk_chunks
from latentfx.sound.splice import read_at, size_of

_UNKNOWN: Final = b"\xff" * 4


def mended_head(file: BinaryIO) -> bytes | None:
    """The header up to the samples, with a size that reaches to the end of the file.

    Returns:
        None where the file is of another kind, has a size, or holds no samples.
    """
    kind = read_at(file, 0, 12)
    if kind[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and kind[8:] == b"WAVE":
        return _mended_wave(file, "big" if kind[:4] == b"RIFX" else "little", kind[:4] in (b"RF64", b"BW64"))
    if kind[:4] == b".snd":
        return _mended_au(file, kind)
    return _mended_caf(file) if kind[:4] == b"caff" else None


def _mended_wave(file: BinaryIO, order: Order, large: bool) -> bytes | None:
    size = size_of(file)
    sizes_at = 0
    for chunk in walk_chunks(file, 12, 4, order):
        if chunk.name == b"ds64":
            sizes_at = chunk.start
        if chunk.name == b"data":
            break
    else:
        return None
    if chunk.length or chunk.start >= size or _are_chunks(file, chunk.start, size, order):
        return None
    head = read_at(file, 0, chunk.start)
    if large and sizes_at:
        there = (size - chunk.start).to_bytes(8, "little")
        return head[: sizes_at + 8] + there + head[sizes_at + 16 : -4] + _UNKNOWN
    return head[:4] + _UNKNOWN + head[8:-4] + _UNKNOWN


def _mended_au(file: BinaryIO, kind: bytes) -> bytes | None:
    start = int.from_bytes(kind[4:8], "big")
    head = read_at(file, 0, min(start, 1 << 20))
    if len(head) < 24 or int.from_bytes(head[8:12], "big") or start >= size_of(file):
        return None
    return head[:8] + _UNKNOWN + head[12:]


def _mended_caf(file: BinaryIO) -> bytes | None:
    size = size_of(file)
    chunk = next((chunk for chunk in walk_chunks(file, 8, 8, "big") if chunk.name == b"data"), None)
    edits = 4  # a counter stands before the samples, inside the chunk
    if chunk is None or chunk.length not in (0, (1 << 64) - 1) or chunk.start + edits >= size:
        return None
    return read_at(file, 0, chunk.start - 8) + (size - chunk.start).to_bytes(8, "big")


def _are_chunks(file: BinaryIO, position: int, size: int, order: Order) -> bool:
    """Whether the rest of a file is whole chunks, as after a recording of no length."""
    end = position
    for chunk in walk_chunks(file, position, 4, order):
        end = chunk.start + chunk.length
        if end > size or not all(32 <= letter < 127 for letter in chunk.name):
            return False
    return size - 1 <= end <= size
