"""Walks the pages of an Ogg file: finds where it was joined from several, and whether it ends as it should.

Source: RFC 3533, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from latentfx.sound.splice import read_at, size_of

MARK: Final = b"OggS"
_HEADER: Final = 27
_SEGMENTS: Final = 255
_FIRST, _LAST = 2, 4  # flags of a page
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class OggPages:
    """The pages of a file.

    Args:
        starts: position of each recording in the file; several where it was joined from several files.
        end: position after the last whole page.
        is_cut: whether the last page is not whole, or not marked as the last of its recording.
    """

    starts: tuple[int, ...]
    end: int
    is_cut: bool


def walk_pages(file: BinaryIO) -> OggPages:
    """Walk through the pages of a file. What lies between and behind them is passed over."""
    size = size_of(file)
    starts: list[int] = []
    at, end, flags = 0, 0, 0
    while (at := _find_page(file, at)) >= 0:
        header = read_at(file, at, _HEADER + _SEGMENTS)
        length = _length(header)
        if not length or at + length > size:
            return OggPages(tuple(starts), end, is_cut=True)
        # The first pages of streams that play together stand side by side: they begin one recording.
        if header[5] & _FIRST and not (flags & _FIRST and starts):
            starts.append(at)
        flags = header[5]
        at = end = at + length
    return OggPages(tuple(starts), end, is_cut=not flags & _LAST)


def _length(header: bytes) -> int:
    """Bytes of a page; 0 where its header is not whole."""
    if len(header) < _HEADER or len(header) < _HEADER + header[26]:
        return 0
    return _HEADER + header[26] + sum(header[_HEADER : _HEADER + header[26]])


def _find_page(file: BinaryIO, at: int) -> int:
    """The position of the next page; -1 where there is none."""
    if read_at(file, at, len(MARK)) == MARK:
        return at
    while chunk := read_at(file, at, _CHUNK):
        found = chunk.find(MARK + b"\0")
        if found >= 0:
            return at + found
        if len(chunk) < _CHUNK:
            break
        at += len(chunk) - len(MARK)
    return -1
