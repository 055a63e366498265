"""How far apart two recordings of one thing are: spectra and loudness.

Conventions: reference first; both signals [T], of one length and aligned; pictures are STFT magnitudes with a
Hann window of 2048 samples and a hop of 512, whose frames lie inside the signal.
"""

from __future__ import annotations

import librosa
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from latentfx.errors import ShapeError

Float64 = NDArray[np.float64]

N_FFT = 2048
HOP_LENGTH = 512


def log_spectral_distance(reference: ArrayLike, estimate: ArrayLike, floor_db: float = -60.0) -> float:
    """Root mean square of the difference of two log-magnitude pictures, in dB, where there is sound.

    A cell counts when the reference or the estimate is above `floor_db` relative to the reference's loudest
    cell; magnitudes are raised to that floor first, so a partial that vanishes costs its height above the
    floor, not infinity. All cells that count weigh the same; a gain of g dB costs g dB where both stay above.

    Args:
        reference: the original.
        estimate: what is judged.
        floor_db: where silence begins.
    Shape:
        reference [T], estimate [T]
    Returns:
        dB; 0 for the same signal; NaN when the reference is silent.
    Raises:
        ShapeError: different lengths, or more than one channel.
    """
    a, b = _pair(reference, estimate)
    x, y = _magnitudes(a), _magnitudes(b)
    floor = x.max() * 10 ** (floor_db / 20)
    if floor == 0:
        return float("nan")
    heard = (x > floor) | (y > floor)
    difference = 20 * np.log10(np.maximum(x[heard], floor) / np.maximum(y[heard], floor))
    return float(np.sqrt(np.mean(np.square(difference))))


def spectral_convergence(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Energy of the difference of two magnitude pictures relative to the reference's, in dB.

    Shape:
        reference [T], estimate [T]
    Returns:
        dB; minus infinity for the same signal, 0 for silence; NaN when the reference is silent.
    Raises:
        ShapeError: different lengths, or more than one channel.
    """
    a, b = _pair(reference, estimate)
    x, y = _magnitudes(a), _magnitudes(b)
    energy, error = np.sum(np.square(x)), np.sum(np.square(x - y))
    if energy == 0:
        return float("nan")
    return float(10 * np.log10(error / energy)) if error > 0 else float("-inf")


def loudness_correlation(
    reference: ArrayLike, estimate: ArrayLike, sample_rate: int, floor_db: float = -50.0
) -> float:
    """Pearson correlation of two level curves in dB, a value every 10 ms over windows of 40 ms.

    Levels are A-weighted and raised to `floor_db` below each curve's own peak, so gain does not matter.

    Args:
        reference: the original.
        estimate: what is judged.
        sample_rate: Hz.
        floor_db: where silence begins.
    Shape:
        reference [T], estimate [T]
    Returns:
        -1..1; NaN when a curve is constant.
    Raises:
        ShapeError: different lengths, or more than one channel.
    """
    a, b = (loudness_db(signal, sample_rate, floor_db) for signal in _pair(reference, estimate))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def loudness_db(audio: ArrayLike, sample_rate: int, floor_db: float = -50.0) -> Float64:
    """A-weighted level of every 10 ms, in dB below the loudest, not below `floor_db`.

    Shape:
        audio [T] -> [1 + (T - window) // hop], window of 40 ms, hop of 10 ms
    """
    hop, window = sample_rate // 100, sample_rate // 25
    power = np.square(_magnitudes(np.asarray(audio, np.float64), window, hop))
    bins_hz = np.fft.rfftfreq(window, 1 / sample_rate)
    weights_db = librosa.A_weighting(bins_hz[1:], min_db=None)  # at 0 Hz it is minus infinity
    level = power[:, 1:] @ 10.0 ** (weights_db / 10.0)
    peak = level.max()
    if peak == 0:
        return np.full(len(level), floor_db)
    return np.asarray(10 * np.log10(np.maximum(level / peak, 10 ** (floor_db / 10))))


def _magnitudes(audio: Float64, n_fft: int = N_FFT, hop_length: int = HOP_LENGTH) -> Float64:
    """STFT magnitudes, [T] -> [N, F]; audio shorter than a frame is filled up with silence."""
    padded = np.pad(audio, (0, max(0, n_fft - len(audio))))
    frames = sliding_window_view(padded, n_fft)[::hop_length]
    return np.abs(np.fft.rfft(frames * np.hanning(n_fft + 1)[:-1], axis=1))


def _pair(reference: ArrayLike, estimate: ArrayLike) -> tuple[Float64, Float64]:
    a, b = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ShapeError(
            f"signals have the shapes {a.shape} and {b.shape}; both must be [T], of one length above 0"
        )
    return a, b
