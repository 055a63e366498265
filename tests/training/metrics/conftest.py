"""Synthetic instruments: tones with a fixed body, so that timbre does not follow pitch."""

from __future__ import annotations

from collections.abc import Callable

import made_up
import numpy as np
import pytest
from numpy.typing import NDArray

from latentfx.training.judges.classifier import Classifier, ClassifierConfig
from latentfx.training.judges.classifier_training import ClassifierTraining, train_classifier
from latentfx.training.judges.judge import JudgeConfig, MelJudge
from latentfx.training.judges.judge_training import JudgeTraining, train_judge

SAMPLE_RATE = 16_000
Float32 = NDArray[np.float32]
MakeNote = Callable[[str, float, float], Float32]


def note(timbre: str, f0_hz: float, seconds: float = 1.2) -> Float32:
    """`hollow` has odd harmonics, `bright` a resonance at 3 kHz, `pure` the fundamental alone."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio = np.zeros(len(times))
    for k in range(1, int(7000 // f0_hz) + 1):
        gain = {
            "hollow": (k % 2) / k,
            "bright": np.exp(-(((k * f0_hz - 3000) / 800) ** 2)) + 0.3 / k,
            "pure": float(k == 1),
        }[timbre]
        audio += gain * np.sin(2 * np.pi * k * f0_hz * times + k * k)
    return np.asarray(0.1 * audio, dtype=np.float32)


@pytest.fixture(scope="session")
def make_note() -> MakeNote:
    return note


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """Three timbres at every second semitone from 200 to 500 Hz; a narrow network, trained for seconds."""
    pitches = 200.0 * 2 ** (np.arange(0, 18, 2) / 12)
    clips = [note(timbre, f0) for timbre in ("hollow", "bright", "pure") for f0 in pitches]
    labels = [timbre for timbre in ("hollow", "bright", "pure") for _ in pitches]
    training = ClassifierTraining(steps=60, batch_size=12, learning_rate=1e-2, seed=2)
    return train_classifier(clips, labels, SAMPLE_RATE, training, ClassifierConfig(channels=(8, 16, 32, 128)))


@pytest.fixture(scope="session")
def judge() -> MelJudge:
    """Of generated violins and trumpets; a narrow network, trained for seconds."""
    training = JudgeTraining(epochs=60, batch_size=24, learning_rate=3e-3)
    return train_judge(made_up.clips(20, seed=0), training, JudgeConfig(channels=(8, 16, 32, 64)))
