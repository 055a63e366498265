"""Train the instrument classifier on tunes played on recorded notes, and score it on notes not heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import nn

from latentfx.arrays import Float32
from latentfx.errors import DataError
from latentfx.training.data import load_data
from latentfx.training.evaluations.swap.notes import INSTRUMENTS, find_notes
from latentfx.training.judges.augmentation import random_phrase
from latentfx.training.judges.classifier import Classifier, ClassifierConfig, ClassifierNet


@dataclass(frozen=True)
class ClassifierTraining:
    """How the classifier is trained.

    Args:
        steps: optimiser steps.
        batch_size: phrases a step, every label equally often on average.
        learning_rate: of Adam, at its highest; it rises and falls on one cycle.
        seed: of all chance.
    """

    steps: int = 600
    batch_size: int = 32
    learning_rate: float = 2e-3
    seed: int = 0


@dataclass(frozen=True)
class ClassifierScore:
    """How well predicted labels follow true ones.

    Args:
        labels: name of every class.
        confusion: clips of true class (row) given to a class (column).
    Shape:
        confusion [K, K]
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]

    @classmethod
    def of(cls, labels: tuple[str, ...], true: Sequence[str], found: Sequence[str]) -> ClassifierScore:
        """Count true and found classes of clips, in pairs."""
        return cls(labels, confusion_matrix(true, found, labels=labels))

    @property
    def accuracy(self) -> float:
        """Share of clips given their true class."""
        true, found = self._pairs
        return float(accuracy_score(true, found, sample_weight=self.confusion.ravel()))

    @property
    def f1(self) -> dict[str, float]:
        """Harmonic mean of precision and recall of every class that occurs."""
        occur = np.flatnonzero(self.confusion.sum(axis=0) + self.confusion.sum(axis=1))
        true, found = self._pairs
        weights = self.confusion.ravel()
        scores = f1_score(true, found, labels=occur, average=None, sample_weight=weights, zero_division=0.0)
        return {self.labels[number]: float(score) for number, score in zip(occur, scores, strict=True)}

    @property
    def macro_f1(self) -> float:
        """Mean of F1 over the classes that occur."""
        return float(np.mean(list(self.f1.values())))

    @property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """True and found class of every cell of the confusion."""
        true, found = np.indices(self.confusion.shape)
        return true.ravel(), found.ravel()


def train_classifier(
    clips: Sequence[ArrayLike],
    labels: Sequence[str],
    sample_rate: int,
    training: ClassifierTraining | None = None,
    config: ClassifierConfig | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Classifier:
    """Train on phrases made at random from the clips of each label (`augmentation.random_phrase`).

    Args:
        clips: recordings, one instrument each.
        labels: the instrument of each; classes are numbered by first appearance.
        sample_rate: Hz of the clips; it must be the classifier's.
        training: how.
        config: shape of the picture and of the network.
        progress: called with the step and its loss after every step.
    Shape:
        each clip [T]
    Raises:
        DataError: fewer than two labels, clips and labels that do not pair up, or another sample rate.
    """
    training, config = training or ClassifierTraining(), config or ClassifierConfig()
    names = tuple(dict.fromkeys(labels))
    if len(clips) != len(labels) or len(names) < 2 or sample_rate != config.sample_rate:
        raise DataError(
            f"got {len(clips)} clips, {len(labels)} labels of {len(names)} kinds at {sample_rate} Hz; "
            f"wanted one label a clip, two kinds or more, {config.sample_rate} Hz"
        )
    notes = {
        name: [np.asarray(c, np.float32) for c, label in zip(clips, labels, strict=True) if label == name]
        for name in names
    }
    started = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        net = ClassifierNet(len(names), config)
        _fit(net, notes, training, config, progress)
    report = {
        "training": asdict(training),
        "clips": {name: len(group) for name, group in notes.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }
    return Classifier(net, names, config, report)


def train_on_phrases(
    root: Path,
    labels: Sequence[str] = INSTRUMENTS,
    seconds_per_instrument: float = 160.0,
    training: ClassifierTraining | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Classifier:
    """Train on phrases played on recorded notes; what it makes of others stands in its report.

    Tunes are played on three of every four pitches, moved by up to 3 semitones, in rooms and with noise; the
    score is over other tunes played on the fourth.

    Args:
        root: folder of recorded notes with a manifest.
        labels: instruments.
        seconds_per_instrument: audio of each instrument, training and held-out phrases together.
        training: how.
        progress: called with the step and its loss after every step.
    Raises:
        DataError: an instrument has no notes, or too few for an octave on either side.
    """
    training, config = training or ClassifierTraining(), ClassifierConfig()
    notes, held = find_notes(root, labels)
    part = {
        "kind": "notes",
        "root": str(root.resolve()),
        "include": [note.name for note in notes],
        "holdout": [note.name for note in held],
        "seconds_per_instrument": seconds_per_instrument,
        "reverb": 0.6,
        "noise": 0.5,
        "stretch_st": 3.0,
        "reach_st": 3.0,
    }
    table = {"instruments": list(labels), "validation": 0.15, "parts": [part]}
    data = load_data(table, config.sample_rate, training.seed)
    classifier = train_classifier(
        [clip.audio for clip in data.train],
        [clip.instrument for clip in data.train],
        config.sample_rate,
        training,
        config,
        progress,
    )
    unheard = [clip.audio for clip in data.validation]
    names = [clip.instrument for clip in data.validation]
    score = score_classifier(classifier, unheard, names, config.sample_rate)
    classifier.report["held_out"] = {
        "phrases": len(unheard),
        "accuracy": score.accuracy,
        "macro_f1": score.macro_f1,
        "confusion": score.confusion.tolist(),
    }
    return classifier


def score_classifier(
    classifier: Classifier, clips: Sequence[ArrayLike], labels: Sequence[str], sample_rate: int
) -> ClassifierScore:
    """Classify clips whose label is known.

    Raises:
        DataError: a label that the classifier does not know.
    """
    unknown = set(labels) - set(classifier.labels)
    if unknown:
        raise DataError(
            f"labels {', '.join(sorted(unknown))} are unknown; allowed {', '.join(classifier.labels)}"
        )
    found = [classifier.predict(clip, sample_rate) for clip in clips]
    return ClassifierScore.of(classifier.labels, labels, found)


def _fit(
    net: ClassifierNet,
    notes: Mapping[str, Sequence[Float32]],
    training: ClassifierTraining,
    config: ClassifierConfig,
    progress: Callable[[int, float], None],
) -> None:
    generator = np.random.default_rng(training.seed)
    groups = list(notes.values())
    optimiser = torch.optim.Adam(net.parameters(), lr=training.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.learning_rate, training.steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    net.train()
    for step in range(training.steps):
        classes = generator.integers(len(groups), size=training.batch_size)
        phrases = [
            random_phrase(groups[k], config.clip_length, config.sample_rate, generator) for k in classes
        ]
        loss = loss_of(net(net.features(torch.from_numpy(np.stack(phrases)))), torch.from_numpy(classes))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress(step, loss.item())
