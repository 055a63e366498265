"""Short hashes, by which a plan and a journal know files without holding their names."""

from __future__ import annotations

import hashlib
from pathlib import Path

_PIECE = 1 << 20


def hash64(*parts: object) -> int:
    """A hash of some values, as a whole number of 64 bits.

    >>> hash64("a", 1) == hash64("a", 1), hash64("a", 1) == hash64("a1")
    (True, False)
    """
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def hash_text(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
