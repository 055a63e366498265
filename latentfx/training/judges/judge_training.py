"""Train the judge of log-mels on the clips that the judged models were trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from latentfx.arrays import Float32
from latentfx.errors import DataError
from latentfx.training.data.example import Example
from latentfx.training.data.side import outlines
from latentfx.training.judges.classifier import PictureNet
from latentfx.training.judges.classifier_training import ClassifierScore
from latentfx.training.judges.judge import JudgeConfig, MelJudge, log_mel, pictures


@dataclass(frozen=True)
class JudgeTraining:
    """How the judge is trained.

    Args:
        epochs: passes over the clips; each cuts them into pictures anew, from another first frame.
        batch_size: pictures in a step.
        learning_rate: of Adam.
        seed: of all chance.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


def train_judge(
    clips: Sequence[Example],
    training: JudgeTraining | None = None,
    config: JudgeConfig | None = None,
    facts: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MelJudge:
    """Train on clips; classes are numbered by first appearance.

    Args:
        clips: of two instruments or more, at any rate.
        training: how.
        config: shape of the picture and of the network; its scale is measured here.
        facts: what else its report shall say (the data that the clips come from).
        progress: called with the epochs done and their number.
    Raises:
        DataError: fewer than two instruments.
    """
    training, config = training or JudgeTraining(), config or JudgeConfig()
    instruments = [outline.instrument for outline in outlines(clips)]
    labels = tuple(dict.fromkeys(instruments))
    if len(labels) < 2:
        raise DataError(
            f"a judge of instruments needs clips of two or more, got {len(clips)} clips of {list(labels)}; "
            "name more in data.instruments"
        )
    started = time.perf_counter()
    mels = [log_mel(clip.audio, clip.sample_rate) for clip in clips]
    cells = np.maximum(np.concatenate(mels), config.floor)
    config = replace(config, mean=float(cells.mean()), deviation=float(max(cells.std(), 1e-3)))
    classes = [labels.index(instrument) for instrument in instruments]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        net = PictureNet(len(labels), config.channels)
        _fit(net, mels, classes, training, config, progress)
    report = {
        **(facts or {}),
        "training": asdict(training),
        "clips": {label: classes.count(number) for number, label in enumerate(labels)},
        "seconds": round(time.perf_counter() - started, 1),
    }
    return MelJudge(net, labels, config, report)


def score_judge(judge: MelJudge, clips: Sequence[Example]) -> ClassifierScore:
    """Judge real clips whose instrument is known."""
    found = [judge.label(judge.embedding(log_mel(clip.audio, clip.sample_rate))) for clip in clips]
    return ClassifierScore.of(judge.labels, [outline.instrument for outline in outlines(clips)], found)


def _fit(
    net: PictureNet,
    mels: Sequence[Float32],
    classes: Sequence[int],
    training: JudgeTraining,
    config: JudgeConfig,
    progress: Callable[[int, int], None],
) -> None:
    generator = np.random.default_rng(training.seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=training.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    net.train()
    for epoch in range(training.epochs):
        cut = [
            pictures(mel, config, int(generator.integers(config.frames)), step=config.frames) for mel in mels
        ]
        x = torch.from_numpy(np.concatenate(cut))
        y = torch.from_numpy(np.repeat(classes, [len(part) for part in cut]))
        order = torch.from_numpy(generator.permutation(len(x)))
        for rows in order.split(training.batch_size):
            if len(rows) > 1:  # batch norm knows no single picture
                optimiser.zero_grad()
                loss_of(net(x[rows]), y[rows]).backward()
                optimiser.step()
        progress(epoch + 1, training.epochs)
