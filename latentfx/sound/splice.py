"""A file whose first bytes are replaced while it is read; on the disk it stays as it is."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

_LAST = 1 << 60


class Spliced:
    """A binary file to read: some bytes of our own, then a part of another file.

    Args:
        head: the bytes at the start.
        file: the other file, open for reading; it must be able to seek.
        start: position in the other file at which it goes on after the head.
        end: position in the other file at which it ends; its own end where None.
    """

    def __init__(self, head: bytes, file: BinaryIO, start: int, end: int | None = None) -> None:
        self._head, self._file, self._start = head, file, start
        self._size = len(head) + max((size_of(file) if end is None else end) - start, 0)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes, or all that are left."""
        left = max(self._size - self._at, 0)
        wanted = left if size < 0 else min(size, left)
        found = self._head[self._at : self._at + wanted]
        if len(found) < wanted:
            self._file.seek(self._start + self._at + len(found) - len(self._head))
            found += self._file.read(wanted - len(found))
        self._at += len(found)
        return found

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill a buffer; the number of bytes that there were."""
        view = memoryview(buffer).cast("B")
        found = self.read(len(view))
        view[: len(found)] = found
        return len(found)

    def write(self, data: bytes) -> int:
        """Refuse: the file is for reading. libsndfile asks for the method."""
        raise io.UnsupportedOperation(f"a spliced file is for reading; {len(data)} bytes not written")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; it is never before the start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at


def size_of(file: BinaryIO) -> int:
    """Bytes of a file that can seek; the position changes."""
    return file.seek(0, os.SEEK_END)


def read_at(file: BinaryIO, position: int, size: int) -> bytes:
    """Read bytes at a position; fewer where the file ends."""
    if position > _LAST:  # a header of nonsense may say so
        return b""
    file.seek(position)
    return file.read(size)
