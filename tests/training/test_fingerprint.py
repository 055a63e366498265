"""A run goes on with the data that it began with, or not at all."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from toy import SignalAt, Toy, ToyClips, toy_clips, toy_recipe, train_toy

from latentfx.errors import CheckpointError
from latentfx.training.data import Example
from latentfx.training.runs.checkpoint import read_tensors, write_tensors
from latentfx.training.runs.fingerprint import check_same, mark
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.run import RunOutcome
from latentfx.training.runs.start import train

Change = Callable[[Example], Example]


def go_on(folder: Path, clips: ToyClips) -> RunOutcome:
    silent = Reporter(Console(quiet=True))
    return train(toy_recipe(), folder, clips=clips, method=Toy, device="cpu", threads=1, reporter=silent)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    return tmp_path


def reversed_in_time(example: Example) -> Example:
    """As long and as loud, with the same name."""
    return replace(example, arrays={"audio": np.ascontiguousarray(example.audio[::-1])})


@pytest.mark.parametrize("side", ["training", "validation"])
def test_other_audio_under_the_same_names_is_refused(stopped: Path, side: str) -> None:
    clips, state = toy_clips(), (stopped / "state.safetensors").read_bytes()
    if side == "training":
        other = ToyClips([reversed_in_time(clips.train[0]), *clips.train[1:]], clips.validation, clips.card)
    else:
        other = ToyClips(clips.train, list(map(reversed_in_time, clips.validation)), clips.card)
    count = "1 of 6" if side == "training" else "2 of 2"
    with pytest.raises(
        CheckpointError, match=f"other data .* in the {side} data, {count} examples have changed"
    ):
        go_on(stopped, other)
    assert (stopped / "state.safetensors").read_bytes() == state
    assert go_on(stopped, clips).reason == "finished"


def test_another_number_of_examples_is_refused(stopped: Path) -> None:
    clips = toy_clips()
    with pytest.raises(CheckpointError, match="in the training data, 6 examples before and 5 now"):
        go_on(stopped, ToyClips(clips.train[:5], clips.validation, clips.card))


def test_rounding_is_no_other_data(stopped: Path) -> None:
    """Another machine, or another version of a library, computes the last digits otherwise."""
    clips = toy_clips()

    def rounded(example: Example) -> Example:
        noise = 1e-5 * np.random.default_rng(0).standard_normal(len(example.audio))
        return replace(example, arrays={"audio": (example.audio + noise).astype(np.float32)})

    same = ToyClips(list(map(rounded, clips.train)), list(map(rounded, clips.validation)), clips.card)
    assert go_on(stopped, same).reason == "finished"


def test_a_state_of_before_goes_on(stopped: Path) -> None:
    path = stopped / "state.safetensors"
    tensors, header = read_tensors(path)
    write_tensors(path, {n: t for n, t in tensors.items() if not n.startswith("data.")}, header)
    assert go_on(stopped, toy_clips()).reason == "finished"


def test_a_mark_is_told_by_every_sample_and_not_by_the_level() -> None:
    example = toy_clips().train[0]
    quiet = replace(example, arrays={"audio": 0.5 * example.audio})
    assert mark(quiet) == pytest.approx(mark(example))
    moved = replace(example, arrays={"audio": np.roll(example.audio, 1)})
    assert abs(mark(moved) - mark(example)) > 0.1


def test_state_with_a_side_that_is_unknown_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds 'x' data, which this run lacks"):
        check_same(tmp_path, {"x": torch.zeros(2)}, {"train": torch.zeros(2)})
