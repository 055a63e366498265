"""Signals that the tests of the signal layer share."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch import Tensor

RATE = 48_000


def vibrato_tone(f0_hz: float = 440.0, seconds: float = 2.0) -> Tensor:
    """Twelve harmonics with a vibrato of half a semitone at 5.5 Hz and a slow attack, like a bowed string.

    Shape:
        -> [1, 1, T]
    """
    time = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    depth = 2.0 ** (0.5 / 12.0) - 1.0
    cycles = f0_hz * (time - depth / (2 * math.pi * 5.5) * torch.cos(2 * math.pi * 5.5 * time))
    tone = sum(torch.sin(2 * math.pi * k * cycles + k * k) / k for k in range(1, 13))
    tone = tone * (time / 0.1).clamp(max=1.0) * 0.2
    return torch.as_tensor(tone, dtype=torch.float32)[None, None]


@pytest.fixture(scope="session")
def tone() -> Tensor:
    return vibrato_tone()


@pytest.fixture(scope="session")
def bowed(root: Path) -> Tensor:
    """Four seconds of the real violin that ships with the examples.

    Shape:
        -> [1, 1, T]
    """
    audio, rate = soundfile.read(root / "examples/audio/violin.flac", dtype="float32", always_2d=True)
    resampled = soxr.resample(audio.mean(1), rate, RATE)[: 4 * RATE]
    return torch.from_numpy(np.ascontiguousarray(resampled))[None, None]
