"""How loud audio is, and the one level at which models are trained and learn from recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32

LEVEL_DB = -20.0
"""RMS over the sounding part that every clip is set to, dB of full scale."""


def frame_levels_db(audio: Float32, frame_length: int) -> NDArray[np.float64]:
    """RMS level of consecutive frames.

    Shape:
        audio [T] -> [T // frame_length], dB of full scale
    """
    frames = audio[: len(audio) // frame_length * frame_length].reshape(-1, frame_length)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    levels: NDArray[np.float64] = 10.0 * np.log10(power + 1e-20)
    return levels


def set_level(audio: Float32, sample_rate: float, level_db: float = LEVEL_DB) -> Float32:
    """Scale audio so that its sounding part has the given RMS, or less where the peak would pass 0.98.

    Sounding are the 10 ms frames within 20 dB of the loud ones (95th percentile). Silence stays as it is.

    Shape:
        audio [T] -> the same
    """
    levels_db = frame_levels_db(audio, max(1, int(sample_rate // 100)))
    peak = float(np.max(np.abs(audio), initial=0.0))
    if peak < 1e-7 or len(levels_db) == 0:
        return audio
    sounding = levels_db[levels_db >= np.percentile(levels_db, 95) - 20.0]
    present_db = 10.0 * np.log10(np.mean(10.0 ** (sounding / 10.0)))
    gain = min(10.0 ** ((level_db - present_db) / 20.0), 0.98 / peak)
    return (audio * np.float32(gain)).astype(np.float32)


def peak(audio: Float32) -> float:
    """Largest magnitude."""
    # The methods of an array do the same in twice the time.
    return float(
        max(np.maximum.reduce(audio, None, initial=0.0), -np.minimum.reduce(audio, None, initial=0.0))
    )
