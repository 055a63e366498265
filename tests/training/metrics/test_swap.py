"""The swap report on swaps whose score is known."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.errors import DataError, ShapeError
from latentfx.training.evaluations.swap.swap import Phrase, cut_phrases, evaluate_swap
from latentfx.training.judges.classifier import Classifier

Float32 = NDArray[np.float32]
MakeNote = Callable[[str, float, float], Float32]

SAMPLE_RATE = 16_000


@pytest.fixture(scope="module")
def phrases(make_note: MakeNote) -> tuple[Phrase, ...]:
    """Two clips of three notes each; the last second of the recording is noise and must be left out."""
    tune = [make_note("bright", f0, 0.5) for f0 in (262.0, 330.0, 392.0, 294.0, 440.0, 349.0)]
    noise = np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE // 2) * 0.05
    return cut_phrases(np.concatenate([*tune, noise]), SAMPLE_RATE, clip_s=1.5)


def unchanged(audio: Float32, sample_rate: int, timbre: str) -> Float32:
    return audio


def test_only_clear_clips_are_cut(phrases: tuple[Phrase, ...]) -> None:
    assert [phrase.start_s for phrase in phrases] == [0.0, 1.5]
    with pytest.raises(DataError, match="lower minimum_voiced"):
        cut_phrases(np.zeros(SAMPLE_RATE), SAMPLE_RATE, clip_s=0.5)


def test_identity_keeps_everything(
    phrases: tuple[Phrase, ...], classifier: Classifier, make_note: MakeNote
) -> None:
    real = {"bright": [phrase.audio for phrase in phrases]}
    score = evaluate_swap(unchanged, phrases, ["bright"], classifier, real).scores[0]
    assert score.pitch_accuracy == score.chroma_accuracy == score.named == 1.0
    assert score.log_spectral_distance_db == 0.0
    assert score.loudness_correlation == pytest.approx(1.0)
    assert score.frechet_distance == pytest.approx(0.0, abs=1e-6)
    assert score.predicted == {"bright": 2}


def test_a_true_swap_is_named_and_keeps_the_tune(
    phrases: tuple[Phrase, ...], classifier: Classifier, make_note: MakeNote
) -> None:
    tunes = {0.0: (262.0, 330.0, 392.0), 1.5: (294.0, 440.0, 349.0)}
    starts = {phrase.audio.tobytes(): phrase.start_s for phrase in phrases}

    def swap(audio: Float32, sample_rate: int, timbre: str) -> Float32:
        return np.concatenate([make_note(timbre, f0, 0.5) for f0 in tunes[starts[audio.tobytes()]]])

    report = evaluate_swap(swap, phrases, ["hollow", "pure"], classifier)
    assert report.macro_f1 == 1.0
    for score in report.scores:
        assert score.named == 1.0
        assert score.pitch_accuracy > 0.95
        assert score.log_spectral_distance_db > 10


def test_an_octave_is_wrong_and_its_chroma_right(phrases: tuple[Phrase, ...], classifier: Classifier) -> None:
    def octave_up(audio: Float32, sample_rate: int, timbre: str) -> Float32:
        return np.asarray(np.resize(audio[::2], len(audio)), dtype=np.float32)

    def still(audio: Float32, sample_rate: int, timbre: str) -> Float32:
        return np.asarray(np.sin(2 * np.pi * 523.0 * np.arange(len(audio)) / sample_rate), dtype=np.float32)

    up, flat = (evaluate_swap(swap, phrases, ["bright"], classifier).scores[0] for swap in (octave_up, still))
    assert up.pitch_accuracy < 0.4
    assert flat.pitch_accuracy < 0.1
    assert flat.chroma_accuracy == pytest.approx(1 / 6, abs=0.05)
    assert flat.named == 0.0


def test_report_reads_as_json_and_as_a_table(phrases: tuple[Phrase, ...], classifier: Classifier) -> None:
    report = evaluate_swap(unchanged, phrases, ["bright", "pure"], classifier)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert [score["timbre"] for score in plain["scores"]] == ["bright", "pure"]
    assert plain["scores"][0]["frechet_distance"] is None
    lines = report.to_markdown("viola").splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| viola to bright | 2 | 1.000 |")


def test_swaps_that_break_the_rules_are_refused(phrases: tuple[Phrase, ...], classifier: Classifier) -> None:
    with pytest.raises(ShapeError, match="wanted the same shape"):
        evaluate_swap(lambda audio, rate, timbre: audio[1:], phrases, ["pure"], classifier)
    with pytest.raises(ShapeError, match="not finite"):
        evaluate_swap(lambda audio, rate, timbre: audio * np.nan, phrases, ["pure"], classifier)
    with pytest.raises(DataError, match="kazoo"):
        evaluate_swap(unchanged, phrases, ["kazoo"], classifier)
