"""Audio through a host without a device."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from latentfx.realtime.host import LiveHost

RATE = 48_000
Audio = NDArray[np.float32]


def noise(samples: int, channels: int = 1) -> Audio:
    rng = np.random.default_rng(5)
    return rng.uniform(-0.3, 0.3, (channels, samples)).astype(np.float32)


in_callback = partial(LiveHost, place="callback")


def play(host: LiveHost, audio: Audio, *sizes: int) -> Audio:
    """Play in blocks of these sizes, over and over."""
    parts, at, turn = [], 0, 0
    while at < audio.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(host.process(audio[:, at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate(parts, axis=1)


def render(host: LiveHost, audio: Audio) -> Audio:
    """Play one block as an audio callback does, which waits for nothing."""
    host.attend()
    out = np.zeros((host.outputs, audio.shape[1]), np.float32)
    host.render(audio, out)
    return out
