"""The weighting of frequencies is that of BS.1770, as another library has it."""

from __future__ import annotations

import math

import numpy as np
import pyloudnorm
import torch

from latentfx.dsp.loudness import k_weight


def test_frequencies_count_as_in_another_implementation() -> None:
    rate, time = 48_000, np.arange(96_000) / 48_000
    meter = pyloudnorm.Meter(rate)
    for frequency in (60.0, 200.0, 997.0, 2500.0, 8000.0):
        found = meter.integrated_loudness(0.1 * np.sin(2 * np.pi * frequency * time)) + 0.691
        wanted = 10 * math.log10(float(k_weight(torch.tensor(frequency))) * 0.005)
        assert abs(found - wanted) < 0.1
