"""What a recording must have, so that something can be learnt from it."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import AudioWarning, ShapeError
from latentfx.sound.level import frame_levels_db
from latentfx.sound.tonality import tonality

SILENT_DB: Final = -80.0
SHORTEST_S: Final = 0.25
_LEAST_TONAL: Final = 0.33
_SOUNDING_DB: Final = 40.0
_CURE: Final = "Give some seconds in which the instrument plays"


def check_recording(name: str, audio: Float32, sample_rate: float) -> None:
    """Check a recording that a blend is to learn from.

    Args:
        name: of the blend.
        audio: what is heard of the recording.
        sample_rate: Hz.

    Shape:
        audio [C, T]
    Warns:
        AudioWarning: it holds no tone.
    Raises:
        ShapeError: it is silent, or sounds for less than 0.25 s.
    """
    peak = float(np.max(np.abs(audio), initial=0.0))
    if audio.size and peak <= 10.0 ** (SILENT_DB / 20.0):
        raise ShapeError(
            f"the recording to learn {name} from is silent: its peak is {peak:.2g}; "
            f"allowed above {SILENT_DB:g} dB of full scale. {_CURE}"
        )
    mono = audio.mean(axis=0)
    levels_db = frame_levels_db(mono, max(int(sample_rate // 100), 1))
    seconds = 0.01 * int(np.count_nonzero(levels_db >= np.max(levels_db, initial=SILENT_DB) - _SOUNDING_DB))
    if seconds < SHORTEST_S:
        raise ShapeError(
            f"the recording to learn {name} from sounds for {seconds:.2f} s; "
            f"allowed {SHORTEST_S:g} s or more. {_CURE}"
        )
    if tonality(mono, sample_rate) < _LEAST_TONAL:
        warnings.warn(
            f"the recording to learn {name} from holds no tone, only noise or clicks, and so may the result. "
            f"{_CURE} notes",
            AudioWarning,
            stacklevel=3,
        )
