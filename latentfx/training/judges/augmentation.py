"""Make short phrases as a microphone in some room would hear them from recorded single notes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.fft

from latentfx.arrays import Float32

_FADE_S = 0.01


def random_phrase(
    notes: Sequence[Float32], length: int, sample_rate: int, generator: np.random.Generator
) -> Float32:
    """Join random cuts of one to four notes of one instrument, and put them into a random room.

    Each note is transposed by up to one semitone (played faster or slower), cut at random and given its own
    level; the phrase then gets a spectral tilt of up to 6 dB over five octaves, reverberation of 0.1 to
    1.5 s and noise 40 to 60 dB below it.

    Args:
        notes: recordings of one instrument.
        length: samples wanted.
        sample_rate: Hz.
        generator: source of all chance.
    Shape:
        each note [T] -> [length]
    """
    shares = generator.uniform(0.5, 1.5, int(generator.integers(1, 5)))
    ends = np.round(np.cumsum(shares) / shares.sum() * length).astype(int)
    phrase = np.zeros(length, dtype=np.float32)
    for start, end in itertools.pairwise((0, *ends)):
        note = notes[int(generator.integers(len(notes)))]
        phrase[start:end] = _cut(note, end - start, sample_rate, generator)
    return _in_a_room(phrase, sample_rate, generator)


def _cut(note: Float32, length: int, sample_rate: int, generator: np.random.Generator) -> Float32:
    """A faded, transposed cut of a note; a note that is too short ends in silence."""
    speed = 2 ** (generator.uniform(-1, 1) / 12)
    spare = max(0.0, len(note) - 1 - length * speed)
    position = generator.uniform(0, spare) + np.arange(length) * speed
    cut = np.interp(position, np.arange(len(note)), note, right=0.0).astype(np.float32)
    fade = min(length // 2, round(_FADE_S * sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    cut[:fade] *= ramp
    cut[length - fade :] *= ramp[::-1]
    level = float(np.sqrt(np.mean(np.square(cut)))) + 1e-6
    return np.asarray(cut * (10 ** (generator.uniform(-6, 6) / 20) / level), dtype=np.float32)


def _in_a_room(phrase: Float32, sample_rate: int, generator: np.random.Generator) -> Float32:
    length = len(phrase)
    decay_s, wet = generator.uniform(0.1, 1.5), generator.uniform(0, 0.7)
    decay = np.exp(
        np.arange(length, dtype=np.float32) * np.float32(-3 * np.log(10) / (decay_s * sample_rate))
    )
    response = generator.standard_normal(length, dtype=np.float32) * decay
    response *= wet / np.linalg.norm(response)
    response[0] += 1.0
    n_fft = scipy.fft.next_fast_len(2 * length, real=True)
    spectrum = scipy.fft.rfft(phrase, n_fft) * scipy.fft.rfft(response, n_fft)
    tilt = np.exp(_octaves_from_500_hz(n_fft, sample_rate) * np.float32(_tilt(generator)))
    heard = scipy.fft.irfft(spectrum * tilt, n_fft)[:length]
    noise_db = generator.uniform(-60, -40)
    noise_level = np.linalg.norm(heard) / np.sqrt(length) * 10 ** (noise_db / 20)
    noise = generator.standard_normal(length, dtype=np.float32) * np.float32(noise_level)
    return np.asarray(heard + noise, dtype=np.float32)


def _tilt(generator: np.random.Generator) -> float:
    """Up to 6 dB over five octaves, as the logarithm of the gain of one octave."""
    return float(generator.uniform(-6, 6) / 5 * np.log(10) / 20)


@functools.lru_cache(maxsize=4)
def _octaves_from_500_hz(n_fft: int, sample_rate: int) -> Float32:
    frequency_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    return np.asarray(np.log2(np.maximum(frequency_hz, 60.0) / 500.0), dtype=np.float32)
