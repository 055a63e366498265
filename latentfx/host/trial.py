"""Loads a plugin file, plays a little, and says how that ended: the program that `first_contact` starts.

In: the file, on the standard input. Out: the exit code 0, or 1 with a line that says why not.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import numpy as np

from latentfx.errors import LatentFXError
from latentfx.host.blocks import BlockStream
from latentfx.host.graph import TRIAL_STEP_S, Graph
from latentfx.host.runs import most_blocks

MEMORY_BYTES: Final = 6 << 30
CPU_S: Final = 20
TRUSTED: Final = "--trust"


def limit() -> None:
    """Take away what a trial does not need, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the time limit of `first_contact` is left
        return
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def play(data: bytes, trust: bool) -> None:
    """Load the plugin, and play silence and loud noise through it, with its controls at both ends.

    Raises:
        LatentFXError: it cannot be loaded, or a step fails.
    """
    graph = Graph(data, trust=trust)
    spec = graph.metadata.spec
    knobs = np.array(spec.defaults, np.float32)
    stream = BlockStream(graph, 1, graph.metadata.state, knobs, TRIAL_STEP_S)
    noise = np.random.default_rng(0)
    ends = ([c.minimum for c in spec.controls], [c.maximum for c in spec.controls], spec.defaults)
    shape = (1, spec.in_channels, spec.block_size)
    for settings in ends:
        knobs[:] = settings
        stream.step(noise.uniform(-1, 1, shape).astype(np.float32))
    many = (*shape[:2], most_blocks(spec.block_size, spec.in_channels) * spec.block_size)
    stream.step(noise.uniform(-1, 1, many).astype(np.float32))


def main() -> int:
    """Read, play and answer."""
    limit()
    try:
        play(sys.stdin.buffer.read(), TRUSTED in sys.argv)
    except (LatentFXError, MemoryError) as error:
        sys.stdout.write(str(error) or "it takes more memory than allowed")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # nothing of the file runs again, not even at the end
