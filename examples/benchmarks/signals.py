"""The recording that the benchmarks play: the violin beside the examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RECORDING = Path(__file__).parent.parent / "audio" / "violin.flac"


def violin(sample_rate: int, seconds: float | None = None) -> NDArray[np.float32]:
    """First channel of the violin at this rate, repeated or cut to this length.

    Shape:
        -> [T]
    """
    audio, rate = soundfile.read(RECORDING, dtype="float32", always_2d=True)
    mono = np.asarray(soxr.resample(audio[:, 0], rate, sample_rate), dtype=np.float32)
    return mono if seconds is None else np.resize(mono, round(seconds * sample_rate))
