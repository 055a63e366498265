"""What a single line sounds like in five numbers: pitch, level, brightness, odd over even partials, breath.

They are read from audio and know no model, so that they can say what a knob does. Each is the median over the
frames that sound.
"""

from __future__ import annotations

from collections.abc import Mapping

import librosa
import numpy as np
from numpy.typing import NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]

PROPERTIES = ("pitch", "level", "brightness", "odd_even", "breath")
N_FFT, HOP = 4096, 1024
LOWEST_HZ, HIGHEST_HZ, TOP_HZ = 40.0, 4200.0, 16_000.0
PARTIALS = 24
SOUNDING_DB = -40.0
LEAK_BINS = 4
FAINT, NOTHING = 1e-2, 1e-20
SHORTEST = 2 * N_FFT


def describe_tone(audio: NDArray[np.float32], sample_rate: int) -> Mapping[str, float]:
    """Properties of a single line.

    Args:
        audio: mono.
        sample_rate: Hz, 44100 or about.
    Returns:
        `pitch`: by YIN, semitones over 440 Hz. `level`: power, dB. `brightness`: mean number of the first 24
        partials, weighted by amplitude, in semitones: MPEG-7's harmonic spectral centroid, over the pitch.
        `odd_even`: power of the odd ones over that of the even ones, dB; a hundredth of both together is
        added to each. `breath`: mean level of the bins that are four bins or more from any partial, over the
        power of the partials, dB. NaN where nothing sounds.
    Shape:
        [T]
    Raises:
        ShapeError: shorter than 8192 samples.
    """
    if audio.ndim != 1 or len(audio) < SHORTEST:
        raise ShapeError(f"a tone has the shape {audio.shape}; wanted [T], {SHORTEST} samples or more")
    power = np.abs(librosa.stft(audio, n_fft=N_FFT, hop_length=HOP, window="blackmanharris")) ** 2
    f0_hz = librosa.yin(
        audio, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=sample_rate, frame_length=N_FFT, hop_length=HOP
    )
    total = power.sum(axis=0)
    loudest = total.max()
    if loudest <= 0.0:
        return dict.fromkeys(PROPERTIES, float("nan"))
    sounding = np.flatnonzero(total > loudest * 10.0 ** (SOUNDING_DB / 10.0))
    rows = [_frame(power[:, at].astype(np.float64), float(f0_hz[at]), sample_rate) for at in sounding]
    return dict(zip(PROPERTIES, np.median(rows, axis=0).tolist(), strict=True))


def _frame(power: Float64, f0_hz: float, sample_rate: int) -> list[float]:
    step = sample_rate / N_FFT
    f0 = f0_hz / step
    numbers = np.arange(1, max(1, min(PARTIALS, int(TOP_HZ / f0_hz))) + 1)
    partials = np.array([_peak(power, number * f0) for number in numbers])
    whole, amplitude = partials.sum(), np.sqrt(partials)
    centroid = (amplitude * numbers).sum() / amplitude.sum()
    odd, even = (partials[at::2].sum() + FAINT * whole for at in (0, 1))
    places = np.arange(int(TOP_HZ / step))
    away = np.abs(places - np.maximum(np.round(places / f0), 1.0) * f0) >= min(LEAK_BINS, 0.4 * f0)
    noise = np.log10(power[: len(places)][away] + NOTHING).mean() if away.any() else np.log10(NOTHING)
    return [
        12.0 * np.log2(f0_hz / 440.0),
        10.0 * np.log10(power.sum()),
        12.0 * np.log2(centroid),
        10.0 * np.log10(odd / even),
        10.0 * (noise - np.log10(whole)),
    ]


def _peak(power: Float64, place: float) -> float:
    at = round(place)
    return float(power[max(at - 2, 0) : at + 3].max()) + 1e-30
