"""The evaluation of the DSAE papers, for any swapper.

Is the new instrument believed, and does the tune stay? A v-swap decodes the line of one clip with the timbre
of another, and should sound like the other's instrument; a z-swap decodes the other's line with its own
timbre. Figures of swaps are the mean and the population standard deviation over some random pairings.

Conventions: F1 is the mean over instruments; pitch accuracy is the share of voiced reference frames less than
50 cents away, over all clips together; the reference is the clip that gave the line. Fréchet distances are
between the judge's embeddings of decoded clips and of the real clips of the instrument that is wanted (for
`rand`: that the judge hears); they compare models under one judge only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from latentfx.arrays import Float32
from latentfx.errors import ShapeError
from latentfx.training.data.example import Example
from latentfx.training.evaluations.swap.real_clips import RealClip, cloud_distance, pooled_accuracy
from latentfx.training.evaluations.swap.swapper import Codes, SwappingModel
from latentfx.training.judges.classifier_training import ClassifierScore
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.judges.judge import MelJudge
from latentfx.training.metrics.pitch import track_pitch
from latentfx.training.runs.rng import isolated_rng

Partners = Literal["any", "other"]
T = TypeVar("T")


@dataclass(frozen=True)
class ProtocolSettings:
    """How swaps are drawn and judged.

    Args:
        pairings: random pairings of the clips.
        partners: `any` exchanges clips whatever they are, as the papers do; `other` exchanges only clips of
            different instruments, which is harder.
        sampled: draw z from its posterior, as the public code of TS-DSAE does; else its mean. v is the mean.
        crepe: CREPE's size; `full` is published, `tiny` some 20 times faster.
        rand: also decode with v drawn from N(0, I).
        seed: of pairings and draws.
    """

    pairings: int = 3
    partners: Partners = "any"
    sampled: bool = False
    crepe: CrepeModel = "tiny"
    rand: bool = True
    seed: int = 0


@dataclass(frozen=True)
class MeanStd:
    """Mean and population standard deviation; NaN where nothing could be measured."""

    mean: float
    std: float

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanStd:
        """Of some values."""
        return cls(float(np.mean(values)), float(np.std(values)))


@dataclass(frozen=True)
class DecodeScore:
    """One kind of decode: `recon`, `v_swap`, `z_swap` or `rand`.

    Args:
        f1: macro F1 of the judge.
        lda_f1: macro F1 of a linear discriminant on the v that the model finds in its own decoded audio.
        pitch_accuracy: raw pitch accuracy at 50 cents.
        distances: Fréchet distance for every instrument.
    """

    f1: MeanStd
    lda_f1: MeanStd
    pitch_accuracy: MeanStd
    distances: dict[str, MeanStd]


@dataclass(frozen=True)
class SwapperScore:
    """What the protocol finds of one model; `rand` has distances alone, and is None where it was left out."""

    recon: DecodeScore
    v_swap: DecodeScore
    z_swap: DecodeScore
    rand: dict[str, MeanStd] | None


def evaluate_swapper(
    swapper: SwappingModel,
    training: Sequence[Example],
    real: Sequence[RealClip],
    judge: MelJudge,
    settings: ProtocolSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SwapperScore:
    """Run the protocol.

    Args:
        swapper: the model.
        training: clips that the linear discriminant is fitted to, of every instrument.
        real: clips that the model was not trained on.
        judge: of instruments.
        settings: how.
        progress: called with the decodes done and their number.
    Raises:
        ShapeError: the model gives audio of another length, or NaN or Inf.
    """
    settings = settings or ProtocolSettings()
    with isolated_rng(settings.seed):
        return _Evaluation(swapper, training, real, judge, settings, progress).run()


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A decoded clip: what it should be, and what it is."""

    line: RealClip
    wanted: str
    embedding: Float32
    f0_hz: NDArray[np.float64]
    v: Float32


class _Evaluation:
    """One model under the protocol."""

    def __init__(
        self,
        swapper: SwappingModel,
        training: Sequence[Example],
        real: Sequence[RealClip],
        judge: MelJudge,
        settings: ProtocolSettings,
        progress: Callable[[int, int], None],
    ) -> None:
        self.swapper, self.real, self.judge, self.settings = swapper, real, judge, settings
        self._progress, self._done = progress, 0
        rounds = settings.pairings * (3 if settings.rand else 2) + 1
        self._total = rounds * len(real) + len(training)
        self.codes = [self._encode(item.clip) for item in real]
        self.lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        values = [swapper.encode(audio_at(clip, swapper.sample_rate)).v for clip in self._counted(training)]
        self.lda.fit(np.stack(values), [clip.instrument for clip in training])

    def run(self) -> SwapperScore:
        generator = np.random.default_rng(self.settings.seed)
        recon = self._score([self._decode_all([(i, i, i) for i in range(len(self.real))])])
        v_swaps, z_swaps, rands = [], [], []
        for _ in range(self.settings.pairings):
            pairs = list(enumerate(self._partners(generator)))
            v_swaps.append(self._decode_all([(i, j, j) for i, j in pairs]))
            z_swaps.append(self._decode_all([(j, i, i) for i, j in pairs]))
            if self.settings.rand:
                rands.append(self._rand(generator))
        rand = {k: MeanStd.of([draw[k] for draw in rands]) for k in self.judge.labels} if rands else None
        return SwapperScore(recon, self._score(v_swaps), self._score(z_swaps), rand)

    def _partners(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """For each clip another one: `any` is a permutation without a clip that stays."""
        order = generator.permutation(len(self.real))
        partners = np.empty_like(order)
        partners[order] = np.roll(order, -1)
        if self.settings.partners == "other":
            names = np.array([item.instrument for item in self.real])
            partners = np.array([generator.choice(np.flatnonzero(names != name)) for name in names])
        return partners

    def _encode(self, clip: Example) -> Codes:
        audio = audio_at(clip, self.swapper.sample_rate)
        codes = self.swapper.encode(audio)
        return Codes(self.swapper.encode(audio, sampled=True).z, codes.v) if self.settings.sampled else codes

    def _decode_all(self, items: Sequence[tuple[int, int, int]]) -> list[_Decoded]:
        """Decode (clip of the line, clip of the timbre, clip whose instrument is wanted)."""
        decoded = []
        for line, timbre, wanted in self._counted(items):
            codes = Codes(self.codes[line].z, self.codes[timbre].v)
            audio = self._checked(self.swapper.audio(codes), self.real[line].clip)
            track = track_pitch(audio, self.swapper.sample_rate, self.settings.crepe)
            embedding = self.judge.embedding(self.swapper.log_mel(codes))
            v = self.swapper.encode(audio).v
            decoded.append(_Decoded(self.real[line], self.real[wanted].instrument, embedding, track.f0_hz, v))
        return decoded

    def _checked(self, audio: Float32, clip: Example) -> Float32:
        length = round(clip.duration_s * self.swapper.sample_rate)
        if audio.shape != (length,) or not np.isfinite(audio).all():
            broken = np.count_nonzero(~np.isfinite(audio))
            raise ShapeError(
                f"the model decodes a clip of {length} samples into {audio.shape}, {broken} samples not "
                "finite; wanted the same length, all finite"
            )
        return audio

    def _rand(self, generator: np.random.Generator) -> dict[str, float]:
        """Distances of decodes with drawn timbres, each to the instrument that the judge hears in it."""
        heard: dict[str, list[Float32]] = {label: [] for label in self.judge.labels}
        for codes in self._counted(self.codes):
            v = generator.standard_normal(self.swapper.v_size).astype(np.float32)
            embedding = self.judge.embedding(self.swapper.log_mel(Codes(codes.z, v)))
            heard[self.judge.label(embedding)].append(embedding)
        return {label: self._distance(label, found) for label, found in heard.items()}

    def _score(self, rounds: Sequence[Sequence[_Decoded]]) -> DecodeScore:
        return DecodeScore(
            MeanStd.of([self._f1(r, [self.judge.label(d.embedding) for d in r]) for r in rounds]),
            MeanStd.of([self._f1(r, list(self.lda.predict(np.stack([d.v for d in r])))) for r in rounds]),
            MeanStd.of([pooled_accuracy([d.line for d in r], [d.f0_hz for d in r]) for r in rounds]),
            {k: MeanStd.of([self._distance(k, _wanted(r, k)) for r in rounds]) for k in self.judge.labels},
        )

    def _f1(self, decoded: Sequence[_Decoded], found: Sequence[str]) -> float:
        return ClassifierScore.of(self.judge.labels, [d.wanted for d in decoded], found).macro_f1

    def _distance(self, instrument: str, found: Sequence[Float32]) -> float:
        return cloud_distance([r.embedding for r in self.real if r.instrument == instrument], found)

    def _counted(self, items: Iterable[T]) -> Iterator[T]:
        """The same items; each counts as done when the next is asked for."""
        for item in items:
            yield item
            self._done += 1
            self._progress(self._done, self._total)


def audio_at(clip: Example, sample_rate: int) -> Float32:
    """A clip's audio at another rate.

    Shape:
        -> [T]
    """
    if clip.sample_rate == sample_rate:
        return clip.audio
    return np.asarray(soxr.resample(clip.audio, clip.sample_rate, sample_rate), np.float32)


def _wanted(decoded: Sequence[_Decoded], instrument: str) -> list[Float32]:
    return [d.embedding for d in decoded if d.wanted == instrument]
