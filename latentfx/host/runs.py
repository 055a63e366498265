"""How many blocks run together: powers of 2, so that few lengths are prepared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MANY_BLOCKS: Final = 32
_MANY_VALUES: Final = 1 << 16


def most_blocks(block_size: int, channels: int) -> int:
    """How many blocks run together at most, a power of 2: more take more memory, and hardly less time.

    Args:
        block_size: of the plugin.
        channels: of the plugin's input, of all rows together.

    >>> most_blocks(256, 1), most_blocks(256, 32), most_blocks(65536, 2)
    (32, 8, 1)
    """
    most = max(_MANY_VALUES // (block_size * channels), 1)
    return min(MANY_BLOCKS, 1 << (most.bit_length() - 1))


def in_runs(blocks: int, most: int) -> Iterator[int]:
    """Split a number of blocks into runs: powers of 2, the longest first.

    Blocks that run together take less time. Few different lengths take little memory.

    Args:
        blocks: how many there are.
        most: the longest run, a power of 2.
    """
    while blocks:
        most = min(most, 1 << (blocks.bit_length() - 1))
        yield most
        blocks -= most
