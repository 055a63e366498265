"""Swaps in every direction among instruments: which octave to play in, and what they come to together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentfx.errors import DataError
from latentfx.training.evaluations.swap.swap import Phrase, TimbreScore
from latentfx.training.judges.classifier_training import ClassifierScore

Float64 = NDArray[np.float64]

OCTAVES_ST = (0, -12, 12)
QUIETEST_DB = -200.0


@dataclass(frozen=True)
class Direction:
    """Swaps from one instrument to another.

    Args:
        source, target: instruments.
        shift_st: by how much the lines were moved, semitones.
        score: of these swaps; its Fréchet distance is to real phrases of the target.
        halves: Fréchet distance between two halves of the target's real phrases, both played from their own
            magnitudes; as many clips on either side as in the score's.
        player: Fréchet distance of the same lines as the target itself plays them on other notes; None where
            the lines are not known.
    """

    source: str
    target: str
    shift_st: int
    score: TimbreScore
    halves: float
    player: float | None = None

    @property
    def player_ratio(self) -> float | None:
        """`ratio` of the target itself."""
        return None if self.player is None else self.player / self.halves

    @property
    def ratio(self) -> float:
        """How many times the distance of the two halves the swaps are away."""
        return self.score.frechet_distance / self.halves


def octave_into(pitches_midi: ArrayLike, lowest: float, highest: float) -> int:
    """The octave that puts most of a line into a range: 0, -12 or 12 semitones; of equals, the first.

    Shape:
        pitches_midi [N]
    """
    pitches = np.asarray(pitches_midi, np.float64)
    inside = [np.mean((pitches + shift >= lowest) & (pitches + shift <= highest)) for shift in OCTAVES_ST]
    return OCTAVES_ST[int(np.argmax(inside))]


def voiced_pitches(phrases: Sequence[Phrase]) -> Float64:
    """Pitch of every voiced frame.

    Shape:
        -> [N], MIDI
    """
    f0_hz = np.concatenate([phrase.pitch.f0_hz[phrase.pitch.voiced] for phrase in phrases])
    return np.asarray(69.0 + 12.0 * np.log2(f0_hz / 440.0))


def as_if_played(phrase: Phrase, shift_st: float) -> Phrase:
    """A phrase whose swaps are to be found so many semitones higher than it sounds."""
    f0_hz = phrase.pitch.f0_hz * 2.0 ** (shift_st / 12.0)
    return replace(phrase, pitch=phrase.pitch._replace(f0_hz=f0_hz))


def named_together(labels: Sequence[str], scores: Sequence[TimbreScore]) -> ClassifierScore:
    """How swaps of all directions were named, over all labels of the classifier.

    Raises:
        DataError: no scores.
    """
    if not scores:
        raise DataError("there are no swaps to count; give two instruments or more")
    counts = np.zeros((len(labels),) * 2, dtype=np.int64)
    for score in scores:
        for found, number in score.predicted.items():
            counts[labels.index(score.timbre), labels.index(found)] += number
    return ClassifierScore(tuple(labels), counts)


def summary(directions: Sequence[Direction]) -> dict[str, float]:
    """Means over directions, each counted once, and the worst one; of the ratios the median."""
    accuracy = [direction.score.pitch_accuracy for direction in directions]
    loudness = [direction.score.loudness_correlation for direction in directions]
    ratio = [direction.ratio for direction in directions]
    known = [(one.ratio, one.player_ratio) for one in directions if one.player_ratio is not None]
    player, over = [own for _, own in known], [ours / own for ours, own in known]
    return {
        "pitch_accuracy": float(np.mean(accuracy)),
        "pitch_accuracy_worst": min(accuracy),
        "named": float(np.mean([direction.score.named for direction in directions])),
        "loudness_correlation": float(np.mean(loudness)),
        "loudness_correlation_worst": min(loudness),
        "ratio": float(np.median(ratio)),
        "ratio_worst": max(ratio),
        "player_ratio": float(np.median(player)) if player else float("nan"),
        "player_ratio_worst": max(player, default=float("nan")),
        "over_player": float(np.median(over)) if over else float("nan"),
    }


def level_db(audio: ArrayLike) -> float:
    """Root mean square in dBFS, not below -200.

    Shape:
        audio [T]
    """
    power = float(np.mean(np.square(np.asarray(audio, np.float64))))
    return max(QUIETEST_DB, 10.0 * float(np.log10(power))) if power > 0.0 else QUIETEST_DB
