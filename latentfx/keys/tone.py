"""One tone: harmonics up to a limit and no further, at the exact pitch, with an attack and a release."""

from __future__ import annotations

from math import log2
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32

LONGEST: Final = 4096
_GLIDE_S: Final = 0.003
_ATTACK_TAUS: Final = 2.3  # an exponential is at 90 % after so many of its time constants
_RELEASE_TAUS: Final = 4.6  # and at -40 dB
_SILENT: Final = 1e-5

Float64 = NDArray[np.float64]


class KeyTone:
    """A tone whose harmonics fall by the same ratio, up to the highest frequency that its listener hears.

    All of them are summed in closed form, so that a tone of 300 harmonics costs as much as one of 3. The last
    one fades in and out as the pitch moves, so that nothing above the limit sounds and nothing clicks.

    Args:
        sample_rate: Hz.
        highest_hz: no harmonic lies above it.

    Source: Moorer 1976, "The synthesis of complex audio spectra by means of discrete summation formulas".
    """

    def __init__(self, sample_rate: float, highest_hz: float) -> None:
        self._rate = sample_rate
        self.highest_hz = highest_hz
        self._turns = 0.0
        self._octave = _Slide(sample_rate, _GLIDE_S)
        self._slope = _Slide(sample_rate, _GLIDE_S)
        self._gain = _Slide(sample_rate, _GLIDE_S)
        self._attack_s = self._release_s = _GLIDE_S

    def shape(self, attack_s: float, release_s: float) -> None:
        """Choose how fast the tone comes and goes.

        Args:
            attack_s: seconds to 90 % of its level.
            release_s: seconds to -40 dB of it.
        """
        self._attack_s = attack_s / _ATTACK_TAUS
        self._release_s = release_s / _RELEASE_TAUS

    @property
    def silent(self) -> bool:
        """Whether nothing sounds, and nothing will."""
        return self._gain.goal == 0.0 and self._gain.now < _SILENT

    def sound(self, hz: float, rms: float, slope_hz: float) -> None:
        """Go to a pitch and a level; from silence, the tone begins there.

        Args:
            hz: of the first harmonic.
            rms: level, in parts of full scale.
            slope_hz: each harmonic is quieter than the one below by exp(-hz / slope_hz).
        """
        octave, slope = log2(hz), log2(slope_hz)
        if self._gain.now < _SILENT:
            self._turns = 0.0
            self._octave.jump(octave)
            self._slope.jump(slope)
        self._octave.goal, self._slope.goal = octave, slope
        self._gain.goal = rms
        self._gain.pace(self._attack_s)

    def release(self) -> None:
        """Let the tone die away."""
        self._gain.goal = 0.0
        self._gain.pace(self._release_s)

    def stop(self) -> None:
        """Be silent at once."""
        self._gain.goal = 0.0
        self._gain.jump(0.0)

    def render(self, out: Float32) -> None:
        """Play the next samples.

        Shape:
            out [T]
        """
        for at in range(0, len(out), LONGEST):
            self._render(out[at : at + LONGEST])

    def _render(self, out: Float32) -> None:
        if self.silent:
            out[:] = 0
            return
        hz = np.exp2(self._octave.take(len(out)))
        slope = np.exp2(self._slope.take(len(out)))
        turns = self._turns + np.cumsum(hz / self._rate)
        self._turns = float(turns[-1] % 1.0)
        out[:] = self._gain.take(len(out)) * _harmonics(turns, hz, hz / slope, self.highest_hz)


def _harmonics(turns: Float64, hz: Float64, fall: Float64, highest_hz: float) -> Float64:
    """Sum a^n sin(n x) for n = 1, 2, ... up to the limit, at an RMS of 1; a = exp(-fall).

    Shape:
        all [T] -> [T]
    """
    many = np.maximum(highest_hz / hz, 2.0)  # the first is always whole
    last = np.floor(many) - 1
    angle = 2 * np.pi * turns
    ratio = np.exp(-fall)
    above = np.exp(-(last + 1) * fall) * np.sin((last + 1) * angle)
    begun = ratio * np.sin(angle) - above + ratio * np.exp(-(last + 1) * fall) * np.sin(last * angle)
    audio: Float64 = begun / (1 - 2 * ratio * np.cos(angle) + ratio**2) + (many - last - 1) * above
    power = ratio**2 * -np.expm1(-2 * (many - 1) * fall) / -np.expm1(-2 * fall) / 2
    return audio / np.sqrt(power + 1e-12)


class _Slide:
    """A number that comes nearer its goal by the same part at every sample."""

    def __init__(self, sample_rate: float, tau_s: float) -> None:
        self._rate = sample_rate
        self._tau_s = 0.0
        self.now = self.goal = 0.0
        self.pace(tau_s)

    def pace(self, tau_s: float) -> None:
        """Choose the time constant."""
        if tau_s != self._tau_s:
            self._tau_s = tau_s
            self._left = np.exp(-np.arange(1, LONGEST + 1) / (tau_s * self._rate))

    def jump(self, value: float) -> None:
        """Be somewhere at once."""
        self.now = value

    def take(self, size: int) -> Float64:
        """The next values.

        Shape:
            -> [size]
        """
        values: Float64 = self.goal + (self.now - self.goal) * self._left[:size]
        self.now = float(values[-1])
        return values
