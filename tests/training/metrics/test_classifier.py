"""The instrument classifier on synthetic timbres at pitches that it has not heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from latentfx.errors import CheckpointError, DataError, ShapeError
from latentfx.training.evaluations.swap.notes import is_held_out, load_notes
from latentfx.training.judges.augmentation import random_phrase
from latentfx.training.judges.classifier import Classifier, ClassifierConfig
from latentfx.training.judges.classifier_training import (
    ClassifierScore,
    ClassifierTraining,
    score_classifier,
    train_classifier,
    train_on_phrases,
)
from latentfx.training.runs.checkpoint import write_tensors

Float32 = NDArray[np.float32]
MakeNote = Callable[[str, float, float], Float32]

SAMPLE_RATE = 16_000
TIMBRES = ("hollow", "bright", "pure")
UNHEARD_HZ = 200.0 * 2 ** (np.arange(1, 17, 3) / 12)


def test_classifier_separates_timbres_at_unheard_pitches(classifier: Classifier, make_note: MakeNote) -> None:
    clips = [make_note(timbre, f0, 1.5) for timbre in TIMBRES for f0 in UNHEARD_HZ]
    labels = [timbre for timbre in TIMBRES for _ in UNHEARD_HZ]
    score = score_classifier(classifier, clips, labels, SAMPLE_RATE)
    assert score.macro_f1 > 0.9
    assert score.confusion.sum() == len(clips)


def test_level_and_sample_rate_do_not_matter(classifier: Classifier, make_note: MakeNote) -> None:
    clip = make_note("bright", 330.0, 2.0)
    expected = classifier.probabilities(clip, SAMPLE_RATE)
    np.testing.assert_allclose(classifier.probabilities(clip * 1e-3, SAMPLE_RATE), expected, atol=1e-3)
    doubled = np.interp(np.arange(2 * len(clip)) / 2, np.arange(len(clip)), clip)
    assert classifier.predict(doubled, 2 * SAMPLE_RATE) == "bright"


def test_probabilities_and_embeddings_have_the_stated_form(
    classifier: Classifier, make_note: MakeNote
) -> None:
    clip = make_note("pure", 440.0, 3.0)
    assert classifier.probabilities(clip, SAMPLE_RATE).sum() == pytest.approx(1.0, abs=1e-5)
    assert classifier.embedding(clip, SAMPLE_RATE).shape == (5, 128)
    assert classifier.embedding(clip[:4000], SAMPLE_RATE).shape == (1, 128)


def test_silent_seconds_have_no_vote(classifier: Classifier, make_note: MakeNote) -> None:
    clip = make_note("hollow", 262.0, 1.0)
    padded = np.concatenate([clip, np.zeros(4 * SAMPLE_RATE, np.float32)])
    assert len(classifier.embedding(padded, SAMPLE_RATE)) == 2
    assert classifier.predict(padded, SAMPLE_RATE) == "hollow"


def test_classifier_is_the_same_when_read_again(
    classifier: Classifier, make_note: MakeNote, tmp_path: Path
) -> None:
    again = Classifier.load(classifier.save(tmp_path / "judge.safetensors"))
    clip = make_note("bright", 294.0, 1.0)
    np.testing.assert_array_equal(
        again.probabilities(clip, SAMPLE_RATE), classifier.probabilities(clip, SAMPLE_RATE)
    )
    assert (again.labels, again.config, again.report) == (
        classifier.labels,
        classifier.config,
        classifier.report,
    )


def test_missing_damaged_and_foreign_files_are_refused(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        Classifier.load(tmp_path / "absent.safetensors")
    file = classifier.save(tmp_path / "judge.safetensors")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError):
        Classifier.load(file)
    write_tensors(file, {}, {"something": "else"})
    with pytest.raises(CheckpointError, match="train it again"):
        Classifier.load(file)


def test_same_seed_trains_the_same_network(make_note: MakeNote) -> None:
    clips, labels = [make_note("pure", 300.0, 1.0), make_note("bright", 300.0, 1.0)], ["pure", "bright"]
    a, b, c = (
        train_classifier(clips, labels, SAMPLE_RATE, ClassifierTraining(steps=2, batch_size=4, seed=seed))
        for seed in (0, 0, 1)
    )
    clip = make_note("pure", 400.0, 1.0)
    np.testing.assert_array_equal(a.embedding(clip, SAMPLE_RATE), b.embedding(clip, SAMPLE_RATE))
    assert not np.array_equal(a.embedding(clip, SAMPLE_RATE), c.embedding(clip, SAMPLE_RATE))


def test_audio_labels_and_counts_that_do_not_fit_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ShapeError, match="one channel"):
        classifier.predict(np.zeros((2, 100)), SAMPLE_RATE)
    with pytest.raises(DataError, match="one label a clip"):
        train_classifier([np.zeros(10)], ["a", "b"], SAMPLE_RATE)
    with pytest.raises(DataError, match="kazoo"):
        score_classifier(classifier, [np.zeros(10)], ["kazoo"], SAMPLE_RATE)


def test_score_of_a_known_confusion() -> None:
    score = ClassifierScore(("a", "b", "c"), np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]))
    assert score.accuracy == pytest.approx(0.85)
    assert score.f1 == pytest.approx({"a": 16 / 19, "b": 18 / 21})
    assert score.macro_f1 == pytest.approx((16 / 19 + 18 / 21) / 2)


def test_score_counts_pairs_of_true_and_found_labels() -> None:
    score = ClassifierScore.of(("b", "a", "c"), ["a", "a", "b"], ["a", "b", "b"])
    np.testing.assert_array_equal(score.confusion, [[1, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert score.f1 == pytest.approx({"b": 2 / 3, "a": 2 / 3})


def test_phrases_are_as_long_as_wanted_and_keep_the_pitch(make_note: MakeNote) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        phrase = random_phrase([make_note("pure", 500.0, 0.3)], SAMPLE_RATE, SAMPLE_RATE, generator)
        assert phrase.shape == (SAMPLE_RATE,)
        peak_hz = np.abs(np.fft.rfft(phrase)).argmax() * SAMPLE_RATE / len(phrase)
        assert abs(12 * np.log2(peak_hz / 500.0)) < 1.1


@pytest.fixture
def bank(make_note: MakeNote, tmp_path: Path) -> Path:
    """Notes of two instruments, every fourth semitone for training and every fourth held out."""
    rows = ["path,kind,instrument,pitch_midi"]
    for instrument, timbre in (("violin", "bright"), ("flute", "pure")):
        for pitch in (*range(60, 80, 4), *range(59, 79, 4)):
            f0_hz = 440.0 * 2 ** ((pitch - 69) / 12)
            soundfile.write(tmp_path / f"{instrument}{pitch}.wav", make_note(timbre, f0_hz, 0.6), SAMPLE_RATE)
            rows.append(f"{instrument}{pitch}.wav,note,{instrument},{pitch}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_notes_are_read_by_manifest(bank: Path) -> None:
    notes = load_notes(bank, ("violin", "flute"))
    assert notes.labels == ("violin",) * 10 + ("flute",) * 10
    assert sum(is_held_out(pitch) for pitch in notes.pitches) == 10
    assert len(notes.audio[0]) == round(0.6 * ClassifierConfig().sample_rate)
    with pytest.raises(DataError, match="trumpet"):
        load_notes(bank, ("violin", "trumpet"))


def test_a_classifier_of_phrases_is_scored_on_notes_it_never_heard(bank: Path) -> None:
    training = ClassifierTraining(steps=1, batch_size=2)
    report = train_on_phrases(bank, ("violin", "flute"), 16.0, training).report
    assert report["clips"] == {"violin": 3, "flute": 3}
    assert np.sum(report["held_out"]["confusion"]) == report["held_out"]["phrases"] == 2
    with pytest.raises(DataError, match="trumpet"):
        train_on_phrases(bank, ("violin", "trumpet"), 16.0, training)
