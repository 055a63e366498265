"""Recordings that swaps are judged against: their pitch, and what the judge makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.errors import DataError
from latentfx.training.data.example import Example, pitch_contour
from latentfx.training.data.side import outlines
from latentfx.training.judges.classifier_training import ClassifierScore
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.judges.judge import MelJudge, judged_front_end, log_mel
from latentfx.training.metrics.frechet import frechet_distance
from latentfx.training.metrics.pitch import PitchTrack, raw_pitch_accuracy, track_pitch

Contour = Literal["notes", "crepe"]


@dataclass(frozen=True, eq=False)
class RealClip:
    """A clip that no judged model was trained on, measured.

    Args:
        clip: the clip.
        log_mel: as judges see them.
        embedding: the judge's.
        f0_hz: reference pitch every 10 ms.
        voiced: frames that count.
    Shape:
        log_mel [N, 80], embedding [W, 128], f0_hz [M], voiced [M]
    """

    clip: Example
    log_mel: Float32
    embedding: Float32
    f0_hz: NDArray[np.float64]
    voiced: NDArray[np.bool_]

    @property
    def instrument(self) -> str:
        """Its instrument."""
        return self.clip.instrument


@dataclass(frozen=True)
class Ceiling:
    """What no model that decodes log-mels passes, on these clips and under this judge.

    Args:
        f1: macro F1 of the judge on the real clips.
        pitch_accuracy: of the real clips' own log-mels, turned into audio again.
        distances: Fréchet distance between two halves of the real clips of each instrument.
    """

    f1: float
    pitch_accuracy: float
    distances: dict[str, float]


def choose_clips(clips: Sequence[Example], most: int, seed: int) -> tuple[Example, ...]:
    """At most so many clips of each instrument, drawn at random, in their order."""
    generator = np.random.default_rng(seed)
    kept: list[int] = []
    instruments = [outline.instrument for outline in outlines(clips)]
    for instrument in dict.fromkeys(instruments):
        own = [at for at, name in enumerate(instruments) if name == instrument]
        kept += [own[at] for at in generator.permutation(len(own))[:most]]
    return tuple(clips[at] for at in sorted(kept))


def check_clips(clips: Sequence[Example]) -> None:
    """Refuse clips between which codes cannot be exchanged.

    Raises:
        DataError: fewer than two instruments, one clip of an instrument, or clips of several lengths.
    """
    counts = Counter(clip.instrument for clip in clips)
    if len(counts) < 2 or min(counts.values()) < 2:
        raise DataError(
            f"validation clips are {dict(counts)}; a swap needs two instruments or more, with two clips of "
            "each or more: name more in data.instruments, raise data.validation or --clips"
        )
    lengths = sorted({round(clip.duration_s, 3) for clip in clips})
    if len(lengths) > 1:
        raise DataError(
            f"validation clips last {lengths[0]:g} to {lengths[-1]:g} s; codes can be exchanged between "
            "clips of one length alone: give every part the same segment_seconds, and exclude recordings "
            "that are shorter"
        )


def measure_clips(
    clips: Sequence[Example],
    judge: MelJudge,
    crepe: CrepeModel = "tiny",
    contour: Contour = "crepe",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[RealClip, ...]:
    """Measure pitch and embedding of clips.

    The pitch is CREPE's, and a frame is voiced where its confidence is 0.5 or more. With `notes` the pitch is
    that of the notes where a clip knows them, and frames between notes do not count either. CREPE is up to
    60 ms late where a note begins: held against the notes, it finds 0.95 of the frames of clips made of real
    notes right, not 1.

    Args:
        clips: of one length, of two instruments or more that the judge knows, two clips of each or more.
        judge: whose embedding.
        crepe: CREPE's size.
        contour: where the reference pitch comes from.
        progress: called with the clips done and their number.
    Raises:
        DataError: clips that cannot be compared, or no voiced frame in any of them.
    """
    check_clips(clips)
    if unknown := sorted({clip.instrument for clip in clips} ^ set(judge.labels)):
        raise DataError(
            f"the judge knows {', '.join(judge.labels)}; {', '.join(unknown)} is not both among them and "
            "among the validation clips: train a judge on this data"
        )
    measured = []
    for done, clip in enumerate(clips, 1):
        mel = log_mel(clip.audio, clip.sample_rate)
        track = track_pitch(clip.audio, clip.sample_rate, crepe)
        f0_hz = known_pitch(clip, track) if clip.notes and contour == "notes" else track.f0_hz
        measured.append(RealClip(clip, mel, judge.embedding(mel), f0_hz, track.voiced & (f0_hz > 0)))
        progress(done, len(clips))
    if not any(real.voiced.any() for real in measured):
        raise DataError(
            f"none of {len(clips)} validation clips has a voiced frame (CREPE {crepe}: confidence of 0.5 or "
            "more while a note sounds): raw pitch accuracy needs clips of one clear line at a time"
        )
    return tuple(measured)


def known_pitch(clip: Example, track: PitchTrack) -> NDArray[np.float64]:
    """Pitch of a clip's notes at a track's times, 0 between notes.

    Shape:
        -> [M], Hz
    """
    midi = pitch_contour(clip.notes, track.times_s)
    return np.nan_to_num(440.0 * 2.0 ** ((midi - 69.0) / 12.0), nan=0.0)


def measure_ceiling(
    real: Sequence[RealClip],
    judge: MelJudge,
    crepe: CrepeModel = "tiny",
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ceiling:
    """Score real clips as if a model had decoded them without error."""
    names = [judge.label(item.embedding) for item in real]
    score = ClassifierScore.of(judge.labels, [item.instrument for item in real], names)
    front_end = judged_front_end()
    heard = []
    for done, item in enumerate(real, 1):
        rate = front_end.config.sample_rate
        audio = np.zeros(round(item.clip.duration_s * rate), np.float32)
        found = front_end.audio(torch.from_numpy(item.log_mel))
        audio[: len(found)] = found
        heard.append(track_pitch(audio, rate, crepe).f0_hz)
        progress(done, len(real))
    generator = np.random.default_rng(seed)
    distances = {}
    for instrument in judge.labels:
        own = [item.embedding for item in real if item.instrument == instrument]
        order = generator.permutation(len(own))
        halves = [[own[at] for at in part] for part in np.array_split(order, 2)]
        distances[instrument] = cloud_distance(*halves)
    return Ceiling(score.macro_f1, pooled_accuracy(real, heard), distances)


def cloud_distance(real: Sequence[Float32], found: Sequence[Float32]) -> float:
    """Fréchet distance between the embeddings of two sets of clips; NaN for fewer than two vectors.

    Shape:
        each [W, D]
    """
    if min(sum(map(len, real)), sum(map(len, found))) < 2:
        return float("nan")
    return frechet_distance(np.concatenate(real), np.concatenate(found))


def pooled_accuracy(real: Sequence[RealClip], f0_hz: Sequence[NDArray[np.float64]]) -> float:
    """Raw pitch accuracy over the voiced frames of all clips together."""
    reference = np.concatenate([item.f0_hz for item in real])
    voiced = np.concatenate([item.voiced for item in real])
    return raw_pitch_accuracy(reference, np.concatenate(f0_hz), voiced)
