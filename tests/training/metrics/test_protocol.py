"""The protocol on swappers whose score is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from made_up import INSTRUMENTS, RATE, Deaf, Leaky, Perfect, Sharp, clips
from sklearn.metrics import f1_score

from latentfx.errors import DataError, ShapeError
from latentfx.training.data.example import Example
from latentfx.training.evaluations.plain import plain
from latentfx.training.evaluations.swap.protocol import ProtocolSettings, SwapperScore, evaluate_swapper
from latentfx.training.evaluations.swap.real_clips import (
    RealClip,
    choose_clips,
    measure_ceiling,
    measure_clips,
)
from latentfx.training.evaluations.swap.swapper import Codes
from latentfx.training.judges.judge import MelJudge, log_mel
from latentfx.training.metrics.pitch import PitchTrack

TRAINING, VALIDATION = clips(3, seed=1), clips(2, seed=2)
HARD = ProtocolSettings(pairings=1, partners="other", rand=False)
Judged = Callable[..., SwapperScore]


@pytest.fixture(scope="module")
def real(judge: MelJudge) -> tuple[RealClip, ...]:
    return measure_clips(VALIDATION, judge)


@pytest.fixture(scope="module")
def judged(judge: MelJudge, real: tuple[RealClip, ...]) -> Judged:
    def run(kind: type[Perfect], settings: ProtocolSettings = HARD) -> SwapperScore:
        return evaluate_swapper(kind((*TRAINING, *VALIDATION)), TRAINING, real, judge, settings)

    return run


@pytest.fixture(scope="module")
def perfect(judged: Judged) -> SwapperScore:
    return judged(Perfect)


def test_a_perfect_swapper_scores_one(perfect: SwapperScore) -> None:
    for score in (perfect.recon, perfect.v_swap, perfect.z_swap):
        assert score.f1.mean == score.lda_f1.mean == 1.0
        assert score.pitch_accuracy.mean > 0.9
    assert perfect.recon.pitch_accuracy.mean == 1.0
    assert all(spread.mean == pytest.approx(0.0, abs=1e-4) for spread in perfect.recon.distances.values())
    assert perfect.rand is None


def test_one_that_ignores_the_timbre_fails_on_f1(judged: Judged) -> None:
    score = judged(Deaf)
    for swap in (score.v_swap, score.z_swap):
        assert swap.f1.mean == swap.lda_f1.mean == pytest.approx(1 / 3)  # all called by the one name
        assert swap.pitch_accuracy.mean > 0.9


def test_one_whose_line_carries_the_timbre_fails_on_f1_and_distance(
    judged: Judged, perfect: SwapperScore
) -> None:
    score = judged(Leaky)
    assert score.recon.f1.mean == 1.0
    for swap, good in ((score.v_swap, perfect.v_swap), (score.z_swap, perfect.z_swap)):
        assert swap.f1.mean == swap.lda_f1.mean == 0.0
        for name, distance in swap.distances.items():
            assert distance.mean > 3 * good.distances[name].mean


def test_one_that_plays_a_semitone_sharp_fails_on_pitch(judged: Judged) -> None:
    score = judged(Sharp)
    for decode in (score.recon, score.v_swap, score.z_swap):
        assert decode.f1.mean == 1.0
        assert decode.pitch_accuracy.mean < 0.1


def test_the_papers_pairing_forgives_what_the_harder_one_does_not(judged: Judged) -> None:
    easy = judged(Leaky, ProtocolSettings(pairings=2, rand=False))
    assert 0.0 < easy.v_swap.f1.mean < 1.0


class Noting(Leaky):
    """Notes whose line it decodes with whose timbre."""

    def __init__(self, known: Sequence[Example]) -> None:
        super().__init__(known)
        self.decoded: list[tuple[str, str]] = []

    def audio(self, codes: Codes) -> np.ndarray:
        self.decoded.append((codes.z[1], INSTRUMENTS[int(codes.v.argmax())]))
        return super().audio(codes)

    def log_mel(self, codes: Codes) -> np.ndarray:
        return log_mel(Leaky.audio(self, codes), RATE)


def test_three_pairings_and_their_spread_are_those_of_scikit_learn(
    judge: MelJudge, real: tuple[RealClip, ...]
) -> None:
    swapper = Noting((*TRAINING, *VALIDATION))
    found = evaluate_swapper(swapper, TRAINING, real, judge, ProtocolSettings(rand=False))
    recon, *rounds = np.array(swapper.decoded).reshape(-1, len(real), 2)
    assert (recon[:, 0] == recon[:, 1]).all()
    assert len(rounds) == 2 * 3  # a v-swap and a z-swap of each pairing
    for score, own in ((found.v_swap, rounds[::2]), (found.z_swap, rounds[1::2])):
        f1 = [f1_score(timbre, line, average="macro", zero_division=0) for line, timbre in (r.T for r in own)]
        assert len(set(f1)) > 1
        assert (score.f1.mean, score.f1.std) == pytest.approx((np.mean(f1), np.std(f1)))
    for v_swap, z_swap in zip(rounds[::2], rounds[1::2], strict=True):
        assert np.array_equal(v_swap, z_swap[:, ::-1])  # the same two clips, the other way round


def test_drawn_timbres_are_held_against_the_instrument_that_is_heard(judged: Judged) -> None:
    score = judged(Perfect, ProtocolSettings(pairings=1))
    assert score.rand is not None
    assert set(score.rand) == {"violin", "trumpet"}
    wrong = judged(Leaky, HARD).v_swap.distances
    heard = [name for name, spread in score.rand.items() if not np.isnan(spread.mean)]
    assert heard
    assert all(score.rand[name].mean < wrong[name].mean for name in heard)


def test_the_same_seed_gives_the_same_numbers(judged: Judged) -> None:
    first, again = (plain(judged(Perfect, ProtocolSettings(pairings=1))) for _ in range(2))
    assert first == again
    assert plain(judged(Perfect, ProtocolSettings(pairings=1, seed=1))) != first


def test_only_z_is_drawn_and_only_when_asked(judge: MelJudge, real: tuple[RealClip, ...]) -> None:
    for sampled, expected in ((False, 0), (True, len(real))):
        swapper = Perfect((*TRAINING, *VALIDATION))
        evaluate_swapper(swapper, TRAINING, real, judge, replace(HARD, sampled=sampled))
        assert swapper.drawn == expected


def test_progress_ends_at_its_total(judge: MelJudge, real: tuple[RealClip, ...]) -> None:
    seen: list[tuple[int, int]] = []
    swapper = Perfect((*TRAINING, *VALIDATION))
    evaluate_swapper(swapper, TRAINING, real, judge, HARD, lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, seen[0][1] + 1))


class Short(Perfect):
    def audio(self, codes: Codes) -> np.ndarray:
        return super().audio(codes)[1:]


class Broken(Perfect):
    def audio(self, codes: Codes) -> np.ndarray:
        return super().audio(codes) * np.float32(np.nan)


@pytest.mark.parametrize(
    ("kind", "message"), [(Short, "wanted the same length"), (Broken, "16800 samples not")]
)
def test_models_that_break_the_rules_are_refused(judged: Judged, kind: type[Perfect], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        judged(kind)


def test_the_reference_is_crepe_or_the_notes(judge: MelJudge, real: tuple[RealClip, ...]) -> None:
    by_notes = measure_clips(VALIDATION, judge, contour="notes")
    for one, other in zip(real, by_notes, strict=True):
        note = one.clip.notes[0]
        middle = round(50 * (note.start_s + note.end_s))
        assert other.f0_hz[middle] == pytest.approx(440 * 2 ** ((note.pitch_midi - 69) / 12))
        assert one.f0_hz[middle] == pytest.approx(other.f0_hz[middle], rel=0.02)
        assert other.voiced.sum() <= one.voiced.sum()


def test_a_frame_is_voiced_from_a_confidence_of_a_half(
    judge: MelJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    confidence = np.array([0.0, 0.499, 0.5, 0.501, 1.0])
    track = PitchTrack(np.full(5, 440.0), confidence, 0.01 * np.arange(5))
    monkeypatch.setattr("latentfx.training.evaluations.swap.real_clips.track_pitch", lambda *words: track)
    for real in measure_clips(VALIDATION, judge):
        assert real.voiced.tolist() == [False, False, True, True, True]


def test_the_ceiling_is_that_of_the_log_mels(judge: MelJudge, real: tuple[RealClip, ...]) -> None:
    ceiling = measure_ceiling([*real, *real], judge)
    assert ceiling.f1 == 1.0
    assert ceiling.pitch_accuracy > 0.9
    assert all(value >= 0.0 for value in ceiling.distances.values())
    exchanged = [replace(one, log_mel=other.log_mel) for one, other in zip(real, real[::-1], strict=True)]
    assert measure_ceiling(exchanged, judge).pitch_accuracy < 0.5


def test_clips_that_cannot_be_compared_are_refused(judge: MelJudge) -> None:
    with pytest.raises(DataError, match="two instruments or more"):
        measure_clips(VALIDATION[:3], judge)
    with pytest.raises(DataError, match="horn is not both among them"):
        measure_clips(
            [*VALIDATION, *(replace(item, labels={"instrument": "horn"}) for item in VALIDATION[:2])], judge
        )
    with pytest.raises(DataError, match=r"1 to 1.05 s.*same segment_seconds"):
        measure_clips(
            [replace(VALIDATION[0], arrays={"audio": VALIDATION[0].audio[:16_000]}), *VALIDATION[1:]], judge
        )
    with pytest.raises(DataError, match="voiced frame"):
        measure_clips([replace(item, arrays={"audio": 0 * item.audio}) for item in VALIDATION], judge)


def test_clips_are_drawn_for_each_instrument_alike() -> None:
    chosen = choose_clips(VALIDATION, 2, seed=0)
    assert [item.instrument for item in chosen] == ["violin"] * 2 + ["trumpet"] * 2
    assert choose_clips(VALIDATION, 99, seed=0) == VALIDATION
    assert len({choose_clips(VALIDATION, 1, seed) for seed in range(9)}) > 1
