"""`tones`: tunes on generated instruments, additive and with distinct spectra; needs no data.

Each is a rough likeness of the instrument it is named after: which harmonics sound, how they fall off,
where its formants lie, how it starts, how much it breathes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.training.data.example import VELOCITY_RANGE_DB, Audio, Note, midi_to_hz
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.data.phrases import PhrasePlayer, Phrases, PhraseSource, Played
from latentfx.training.data.source import Job, Made

MOST_HARMONICS = 40
HIGHEST_OF_NYQUIST = 0.9
RELEASE_S = 0.05


@dataclass(frozen=True)
class GeneratedInstrument:
    """The sound of a generated instrument.

    Args:
        rolloff_db: fall of the harmonics for each octave above the fundamental.
        even_db: level of the even harmonics against the odd ones.
        formants: centre (Hz), height (dB) and width (octaves) of each resonance.
        attack_ms: time to full level.
        brightness_db: how much weaker than loud notes the harmonics of soft ones are, for each octave.
        vibrato_hz, vibrato_cents: speed and depth of the vibrato; its mean is the note's pitch.
        noise_db: breath or bow noise against the tone.
    """

    rolloff_db: float
    even_db: float
    formants: tuple[tuple[float, float, float], ...]
    attack_ms: float
    brightness_db: float
    vibrato_hz: float
    vibrato_cents: float
    noise_db: float


TONES: Mapping[str, GeneratedInstrument] = MappingProxyType(
    {
        "violin": GeneratedInstrument(6.0, 0.0, ((500, 5, 0.4), (2600, 12, 0.7)), 55, 2.0, 5.6, 14, -42),
        "trumpet": GeneratedInstrument(3.0, 0.0, ((1200, 10, 0.8), (2200, 8, 0.5)), 28, 5.0, 5.0, 4, -52),
        "flute": GeneratedInstrument(15.0, -3.0, ((800, 5, 0.8),), 70, 3.0, 5.2, 9, -30),
        "clarinet": GeneratedInstrument(8.0, -26.0, ((1500, 6, 0.4),), 40, 4.0, 0.0, 0, -46),
        "cello": GeneratedInstrument(
            8.0, 1.0, ((250, 7, 0.5), (700, 6, 0.3), (1800, 5, 0.6)), 80, 2.0, 5.2, 16, -40
        ),
        "altosax": GeneratedInstrument(7.0, 3.0, ((900, 9, 0.5), (3200, 7, 0.4)), 35, 4.0, 5.0, 8, -36),
        "trombone": GeneratedInstrument(6.0, 0.0, ((520, 12, 0.7),), 45, 6.0, 0.0, 0, -50),
        "oboe": GeneratedInstrument(7.0, 2.0, ((1100, 15, 0.35), (2900, 12, 0.3)), 30, 2.0, 5.4, 7, -46),
        "horn": GeneratedInstrument(12.0, 0.0, ((340, 8, 0.6),), 60, 6.0, 0.0, 0, -52),
        "bassoon": GeneratedInstrument(9.0, 0.0, ((450, 14, 0.3), (1200, 8, 0.3)), 35, 3.0, 5.0, 5, -44),
    }
)


@dataclass(frozen=True)
class Tones(PhraseSource):
    """Tunes on generated instruments: needs no data."""

    def make(self, job: Job) -> Made:
        """Play tunes on every generated instrument that the recipe names."""
        players = {name: self._player(name, job) for name in job.instruments if name in TONES}
        return self.play(job, players, players, {"licence": {"generated": len(players)}})

    def _player(self, instrument: str, job: Job) -> PhrasePlayer:
        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            return [
                (play_tones(instrument, notes, self.segment_seconds, job.sample_rate, rng), notes)
                for notes in phrases
            ]

        return PhrasePlayer(INSTRUMENTS[instrument].lowest, INSTRUMENTS[instrument].highest, play)


def play_tones(
    instrument: str, notes: Sequence[Note], seconds: float, sample_rate: int, rng: np.random.Generator
) -> Audio:
    """Play a line on a generated instrument.

    Shape:
        -> [T], T = seconds * sample_rate
    Raises:
        DataError: no generated instrument of that name.
    """
    if instrument not in TONES:
        raise DataError(f"no generated instrument {instrument!r}; there are {sorted(TONES)}")
    phrase = np.zeros(round(seconds * sample_rate), dtype=np.float32)
    for note in notes:
        audio = _sound(TONES[instrument], note, sample_rate, rng)
        start = round(note.start_s * sample_rate)
        stop = min(start + len(audio), len(phrase))
        phrase[start:stop] += audio[: stop - start]
    return phrase


def harmonic_levels_db(
    tone: GeneratedInstrument, f0_hz: float, velocity: float, count: int
) -> NDArray[np.float64]:
    """Levels of harmonics 1 to count.

    Shape:
        -> [count], dB
    """
    numbers = np.arange(1, count + 1)
    octaves = np.log2(numbers)
    levels = -(tone.rolloff_db + tone.brightness_db * (1.0 - velocity)) * octaves
    levels = levels + np.where(numbers % 2 == 0, tone.even_db, 0.0)
    for centre_hz, height_db, width in tone.formants:
        levels += height_db * np.exp(-0.5 * (np.log2(numbers * f0_hz / centre_hz) / width) ** 2)
    return np.asarray(levels, dtype=np.float64)


def _sound(tone: GeneratedInstrument, note: Note, sample_rate: int, rng: np.random.Generator) -> Audio:
    """One note: harmonics up to 0.9 of the Nyquist frequency, an envelope, breath noise."""
    count = max(1, round((note.duration_s + RELEASE_S) * sample_rate))
    times_s = np.arange(count) / sample_rate
    f0_hz = midi_to_hz(note.pitch_midi)
    swing = tone.vibrato_cents * np.clip((times_s - 0.1) / 0.2, 0.0, 1.0)
    cents = swing * np.sin(2 * np.pi * tone.vibrato_hz * times_s)
    phase = 2 * np.pi * np.cumsum(f0_hz * 2.0 ** (cents / 1200.0)) / sample_rate
    harmonics = int(min(MOST_HARMONICS, HIGHEST_OF_NYQUIST * 0.5 * sample_rate / (f0_hz * 1.02)))
    gains = 10.0 ** (harmonic_levels_db(tone, f0_hz, note.velocity, max(1, harmonics)) / 20.0)
    gains = gains / np.sqrt(0.5 * np.sum(gains**2))
    starts = rng.uniform(0.0, 2.0 * np.pi, len(gains))
    audio = _sum_harmonics(phase, gains * np.exp(1j * starts))
    audio += 10.0 ** (tone.noise_db / 20.0) * rng.standard_normal(count)
    audio *= _envelope(times_s, tone.attack_ms / 1000.0, note.duration_s)
    level = 0.1 * 10.0 ** (-VELOCITY_RANGE_DB * (1.0 - note.velocity) / 20.0)
    return np.asarray(level * audio, dtype=np.float32)


def _sum_harmonics(phase: NDArray[np.float64], gains: NDArray[np.complex128]) -> NDArray[np.float64]:
    """The real part of sum over k of gains[k] * exp(i (k + 1) phase), by Horner's rule.

    Shape:
        phase [T], gains [K] -> [T]
    """
    turn = np.exp(1j * phase).astype(np.complex64)
    total = np.zeros(len(phase), dtype=np.complex64)
    for gain in gains[::-1].astype(np.complex64):
        total += gain
        total *= turn
    return total.real.astype(np.float64)


def _envelope(times_s: NDArray[np.float64], attack_s: float, duration_s: float) -> NDArray[np.float64]:
    """Rise, a slow decay to 80 %, and a Hann-shaped release after `duration_s`."""
    attack = np.sin(0.5 * np.pi * np.clip(times_s / min(attack_s, 0.5 * duration_s), 0.0, 1.0)) ** 2
    sustain = 0.8 + 0.2 * np.exp(-times_s / 0.3)
    release = np.cos(0.5 * np.pi * np.clip((times_s - duration_s) / RELEASE_S, 0.0, 1.0)) ** 2
    return np.asarray(attack * sustain * release, dtype=np.float64)
