"""Judge a timbre swap on real phrases: whether the tune stays and the new instrument is believed.

`cut_phrases` takes clips with a clear single line from a recording; `evaluate_swap` sends each through any
`swap(audio, sample_rate, timbre)` and scores the result against the original.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from latentfx.arrays import Float32
from latentfx.errors import DataError, ShapeError
from latentfx.training.evaluations.plain import plain
from latentfx.training.judges.classifier import Classifier
from latentfx.training.judges.classifier_training import ClassifierScore, score_classifier
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.metrics.frechet import frechet_distance
from latentfx.training.metrics.pitch import PitchTrack, raw_pitch_accuracy, track_pitch
from latentfx.training.metrics.spectral import log_spectral_distance, loudness_correlation

Swap = Callable[[Float32, int, str], ArrayLike]


@dataclass(frozen=True)
class Phrase:
    """A clip of one instrument and its pitch.

    Args:
        audio: one channel.
        sample_rate: Hz.
        pitch: contour of the original, which swaps are held against.
        start_s: where the clip begins in its recording.
    Shape:
        audio [T]
    """

    audio: Float32
    sample_rate: int
    pitch: PitchTrack
    start_s: float


@dataclass(frozen=True)
class TimbreScore:
    """What came back when one timbre was asked for, over all phrases.

    Args:
        timbre: what was asked for.
        clips: phrases judged.
        voiced_frames: frames behind the two pitch figures.
        pitch_accuracy: share of voiced frames less than 50 cents from the original's pitch.
        chroma_accuracy: the same with octave errors forgiven.
        named: share of phrases that the classifier calls by `timbre`.
        f1: of this class among all timbres asked for.
        predicted: how many phrases it gave to each label.
        log_spectral_distance_db: mean over phrases, against the original; small is good only where the
            original's own timbre was asked for.
        loudness_correlation: mean over phrases, of the level curves.
        frechet_distance: between the embeddings of these phrases and of real recordings of `timbre`.
    """

    timbre: str
    clips: int
    voiced_frames: int
    pitch_accuracy: float
    chroma_accuracy: float
    named: float
    f1: float
    predicted: Mapping[str, int]
    log_spectral_distance_db: float
    loudness_correlation: float
    frechet_distance: float


@dataclass(frozen=True)
class SwapReport:
    """Scores of every timbre asked for.

    Args:
        scores: one a timbre, in the order asked.
        macro_f1: mean F1 of the classes asked for.
    """

    scores: tuple[TimbreScore, ...]
    macro_f1: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; NaN becomes None."""
        found: dict[str, Any] = plain({"macro_f1": self.macro_f1, "scores": self.scores})
        return found

    def to_markdown(self, source: str) -> str:
        """As a table with a row a timbre."""
        return "\n".join([HEADER, *(row(f"{source} to {score.timbre}", score) for score in self.scores)])


HEADER = (
    "| what | clips | RPA 50 cents | chroma | named as wanted | F1 | LSD dB | loudness corr. | FAD |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def row(what: str, score: TimbreScore) -> str:
    """One line of the table under `HEADER`."""
    figures = (
        score.pitch_accuracy,
        score.chroma_accuracy,
        score.named,
        score.f1,
        score.log_spectral_distance_db,
        score.loudness_correlation,
        score.frechet_distance,
    )
    return f"| {what} | {score.clips} | " + " | ".join(_figure(value) for value in figures) + " |"


def cut_phrases(
    audio: ArrayLike,
    sample_rate: int,
    clip_s: float = 3.5,
    minimum_voiced: float = 0.8,
    model: CrepeModel = "tiny",
) -> tuple[Phrase, ...]:
    """Cut a recording into neighbouring clips and keep those with a clear single line.

    CREPE is unsure where two strings sound together, where nothing sounds and where bow noise covers the
    pitch. A clip is kept when its confidence is at least 0.5 in `minimum_voiced` of its frames.

    Args:
        audio: a recording of one instrument.
        sample_rate: Hz.
        clip_s: length of a clip.
        minimum_voiced: share of frames that must be voiced.
        model: CREPE's size.
    Shape:
        audio [T]
    Raises:
        DataError: no clip is clear enough.
    """
    samples = np.asarray(audio, dtype=np.float32)
    length = round(clip_s * sample_rate)
    starts = range(0, len(samples) - length + 1, length)
    clips = [np.ascontiguousarray(samples[start : start + length]) for start in starts]
    tracks = [track_pitch(clip, sample_rate, model) for clip in clips]
    kept = tuple(
        Phrase(clip, sample_rate, track, start / sample_rate)
        for start, clip, track in zip(starts, clips, tracks, strict=True)
        if track.voiced.mean() >= minimum_voiced
    )
    if not kept:
        raise DataError(
            f"none of {len(clips)} clips of {clip_s:g} s is voiced in {minimum_voiced:.0%} of its frames; "
            "take a longer recording with a single line, or lower minimum_voiced"
        )
    return kept


def evaluate_swap(
    swap: Swap,
    phrases: Sequence[Phrase],
    timbres: Sequence[str],
    classifier: Classifier,
    references: Mapping[str, Sequence[ArrayLike]] | None = None,
    model: CrepeModel = "tiny",
) -> SwapReport:
    """Swap every phrase to every timbre, and score the results.

    Args:
        swap: `swap(audio, sample_rate, timbre) -> audio`, as long as its input and aligned with it.
        phrases: what to play, all at one sample rate.
        timbres: what to ask for, by labels that the classifier knows.
        classifier: judge of the instrument.
        references: real recordings of each timbre at the phrases' rate, for the Fréchet distance; without
            them it is NaN.
        model: CREPE's size.
    Raises:
        ShapeError: `swap` changed the length of the audio, or gave NaN or Inf.
        DataError: no phrases, or a timbre that the classifier does not know.
    """
    unknown = [timbre for timbre in timbres if timbre not in classifier.labels]
    if not phrases or unknown:
        raise DataError(
            f"{len(phrases)} phrases, unknown timbres {unknown}; wanted one phrase or more, and timbres "
            f"among {', '.join(classifier.labels)}"
        )
    outputs = {timbre: [_swapped(swap, phrase, timbre) for phrase in phrases] for timbre in timbres}
    pairs = [(timbre, clip) for timbre, clips in outputs.items() for clip in clips]
    judged = score_classifier(
        classifier, [clip for _, clip in pairs], [timbre for timbre, _ in pairs], phrases[0].sample_rate
    )
    scores = tuple(
        _score(
            timbre, phrases, outputs[timbre], judged, classifier, (references or {}).get(timbre, ()), model
        )
        for timbre in timbres
    )
    return SwapReport(scores, float(np.mean([score.f1 for score in scores])))


def _swapped(swap: Swap, phrase: Phrase, timbre: str) -> Float32:
    output = np.asarray(swap(phrase.audio, phrase.sample_rate, timbre), dtype=np.float32)
    if output.shape != phrase.audio.shape or not np.isfinite(output).all():
        raise ShapeError(
            f"swap to {timbre!r} turned {phrase.audio.shape} into {output.shape}, "
            f"{np.count_nonzero(~np.isfinite(output))} samples not finite; wanted the same shape, all finite"
        )
    return output


def _score(
    timbre: str,
    phrases: Sequence[Phrase],
    outputs: Sequence[Float32],
    judged: ClassifierScore,
    classifier: Classifier,
    reference: Sequence[ArrayLike],
    model: CrepeModel,
) -> TimbreScore:
    rate = phrases[0].sample_rate
    f0_hz = np.concatenate([phrase.pitch.f0_hz for phrase in phrases])
    voiced = np.concatenate([phrase.pitch.voiced for phrase in phrases])
    estimate_hz = np.concatenate([track_pitch(output, rate, model).f0_hz for output in outputs])
    pairs = [(phrase.audio, output) for phrase, output in zip(phrases, outputs, strict=True)]
    counts = judged.confusion[judged.labels.index(timbre)]
    return TimbreScore(
        timbre=timbre,
        clips=len(phrases),
        voiced_frames=int(voiced.sum()),
        pitch_accuracy=raw_pitch_accuracy(f0_hz, estimate_hz, voiced),
        chroma_accuracy=raw_pitch_accuracy(f0_hz, estimate_hz, voiced, octave_free=True),
        named=float(counts[judged.labels.index(timbre)] / len(phrases)),
        f1=judged.f1[timbre],
        predicted={label: int(n) for label, n in zip(judged.labels, counts, strict=True) if n},
        log_spectral_distance_db=float(np.mean([log_spectral_distance(a, b) for a, b in pairs])),
        loudness_correlation=float(np.mean([loudness_correlation(a, b, rate) for a, b in pairs])),
        frechet_distance=clip_distance(classifier, reference, outputs, rate),
    )


def clip_distance(
    classifier: Classifier, reference: Sequence[ArrayLike], clips: Sequence[ArrayLike], sample_rate: int
) -> float:
    """Fréchet distance between the embeddings of two sets of clips; NaN without a reference.

    It shrinks with the number of clips on either side: compare distances of equal numbers.

    Shape:
        each clip [T]
    """
    if not reference:
        return math.nan
    real, judged = (
        np.concatenate([classifier.embedding(clip, sample_rate) for clip in side])
        for side in (reference, clips)
    )
    return frechet_distance(real, judged)


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}" if abs(value) >= 10 else f"{value:.3f}"
