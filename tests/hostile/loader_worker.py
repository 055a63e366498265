"""Loads plugin files that it is sent, under limits of memory, and says how each ended. Run by the fuzz test.

In: 4 bytes of length, then a file. Out: one line, `plugin`, `refused: ...`, or `fault: ...` for what no user
should ever see.
"""

import resource
import struct
import sys
import warnings

import numpy as np

from latentfx.errors import LatentFXError
from latentfx.host.runtime import LatentPlugin

LIMIT_BYTES = 3 << 30


def attempt(data: bytes) -> str:
    """Load, and run a little audio."""
    try:
        plugin = LatentPlugin(data)
        frames = min(2 * plugin.spec.block_size, 8192)
        channels = plugin.spec.in_channels
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            plugin(np.zeros((channels, frames), np.float32), plugin.sample_rate)
    except LatentFXError as error:
        return f"refused: {type(error).__name__}: {str(error)[:300]!r}"
    except Exception as error:  # what the test looks for
        return f"fault: {type(error).__name__}: {str(error)[:300]!r}"
    return "plugin"


def main() -> None:
    """Answer until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    while header := sys.stdin.buffer.read(4):
        (size,) = struct.unpack("<I", header)
        sys.stdout.write(attempt(sys.stdin.buffer.read(size)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
