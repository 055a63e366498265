"""How fast a plugin's sound comes and goes, measured: the keys' tone moves no faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.host.runtime import LatentPlugin
from latentfx.keys.tone import KeyTone
from latentfx.sound.level import LEVEL_DB

SLOPE_HZ: Final = 2500.0
HIGHEST_SHARE: Final = 0.45
_PITCH_HZ: Final = 220.0
_BEFORE_S, _TONE_S, _AFTER_S = 0.05, 0.2, 0.2
_WINDOW_S: Final = 0.005  # a little more than a period of the tone
_ATTACK_S: Final = (0.003, 0.1)
_RELEASE_S: Final = (0.01, 0.5)


@dataclass(frozen=True)
class Response:
    """What a plugin makes of a tone that begins and ends at once.

    Args:
        attack_s: seconds to 90 % of its level.
        release_s: seconds to -40 dB of it.
    """

    attack_s: float
    release_s: float


def measure_response(plugin: LatentPlugin) -> Response:
    """Play a tone of 220 Hz through a plugin with its controls at their defaults, and time what comes out.

    A plugin that stays silent for it has the shortest attack and release.
    """
    twin = plugin.copy()
    twin.controls.values_row[:] = twin.spec.defaults
    rate, spec = twin.sample_rate, twin.spec
    sound = np.zeros((spec.in_channels, round((_BEFORE_S + _TONE_S + _AFTER_S) * rate)), np.float32)
    begin, end = round(_BEFORE_S * rate), round((_BEFORE_S + _TONE_S) * rate)
    tone = KeyTone(rate, HIGHEST_SHARE * rate)
    tone.shape(1e-6, 1e-6)
    tone.sound(_PITCH_HZ, 10 ** (LEVEL_DB / 20), SLOPE_HZ)
    tone.render(sound[0, begin:end])
    sound[1 : spec.in_channels - spec.side_channels] = sound[0]
    level = _levels(twin.process(sound, rate)[0], round(_WINDOW_S * rate))
    full = float(np.median(level[(begin + end) // 2 : end]))
    if not full > 0:
        return Response(_ATTACK_S[0], _RELEASE_S[0])
    attack = int(np.flatnonzero(level >= 0.9 * full)[0]) - begin
    release = int(np.flatnonzero(level >= 0.01 * full)[-1]) - end
    return Response(_within(attack / rate, _ATTACK_S), _within(release / rate, _RELEASE_S))


def _levels(audio: Float32, window: int) -> NDArray[np.float64]:
    """RMS round every sample.

    Shape:
        audio [T] -> [T]
    """
    power = np.convolve(np.square(audio, dtype=np.float64), np.full(window, 1 / window), "same")
    return np.sqrt(np.maximum(power, 0))


def _within(seconds: float, ends: tuple[float, float]) -> float:
    return min(max(seconds, ends[0]), ends[1])
