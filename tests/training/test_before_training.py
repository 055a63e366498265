"""Data and features: counted, stopped, kept in memory or on disk."""

from __future__ import annotations

import os
import signal
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from rich.console import Console
from test_loop import same, weights
from tiny_swap import tiny_recipe
from torch import Tensor
from toy import FRAME, SignalAt, Toy, ToyClips, toy_clips, toy_recipe, train_toy

from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.training.data import Example
from latentfx.training.recipes.config import Recipe
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.run import RunOutcome
from latentfx.training.runs.start import train


class Streaming(Toy):
    """The toy, but that it drops each example before it reads the next."""

    def prepare(self, clips: Sequence[AnyExample]) -> FeatureCache:
        def frames() -> Iterator[dict[str, Tensor]]:
            for clip in clips:
                whole = clip.audio[: len(clip.audio) // FRAME * FRAME]
                yield {"frame": torch.from_numpy(whole).reshape(-1, FRAME)}

        return FeatureCache.join(frames())


class Lazy(Sequence[Example]):
    """Clips that are made when they are read; it counts how often, and how many live at once."""

    def __init__(self, clips: Sequence[Example], watch: Callable[[int], None] = lambda index: None) -> None:
        self._clips, self._watch = clips, watch
        self._alive = 0
        self.made, self.most = 0, 0

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        self._watch(index)
        whole = self._clips[index]
        fresh = replace(whole, arrays={"audio": whole.audio.copy()})
        weakref.finalize(fresh.audio, self._gone)
        self._alive += 1
        self.made, self.most = self.made + 1, max(self.most, self._alive)
        return fresh

    def _gone(self) -> None:
        self._alive -= 1


@dataclass(frozen=True)
class LazyClips:
    train: Lazy
    validation: Lazy
    card: Mapping[str, object]


def lazy_clips(watch: Callable[[int], None] = lambda index: None) -> LazyClips:
    known = toy_clips()
    return LazyClips(Lazy(known.train, watch), Lazy(known.validation), known.card)


def on_disk(**changes: Any) -> Recipe:
    return replace(toy_recipe(**changes), data={"keep": "disk"})


def run(
    folder: Path, recipe: Recipe, clips: ToyClips | LazyClips | None = None, reporter: Reporter | None = None
) -> RunOutcome:
    silent = reporter or Reporter(Console(quiet=True))
    return train(
        recipe, folder, clips=clips or toy_clips(), method=Streaming, device="cpu", threads=1, reporter=silent
    )


def test_features_on_disk_train_the_weights_of_features_in_memory(tmp_path: Path) -> None:
    train_toy(tmp_path / "memory", toy_recipe())
    run(tmp_path / "disk", on_disk())
    assert same(weights(tmp_path / "disk"), weights(tmp_path / "memory"))


def test_a_lazy_dataset_is_never_whole_in_memory(tmp_path: Path) -> None:
    clips = lazy_clips()
    run(tmp_path, on_disk(), clips)
    assert clips.train.made == len(clips.train) == 6
    assert clips.train.most <= 2


def test_features_on_disk_are_used_again_when_the_run_goes_on_and_removed_at_its_end(tmp_path: Path) -> None:
    run(tmp_path / "straight", on_disk())
    run(tmp_path / "stopped", on_disk(), reporter=SignalAt(9, signal.SIGINT))
    assert (tmp_path / "stopped/features/features/frame.frames").is_file()
    clips = lazy_clips()
    assert run(tmp_path / "stopped", on_disk(), clips).reason == "finished"
    assert clips.train.made == 0
    assert same(weights(tmp_path / "stopped"), weights(tmp_path / "straight"))
    assert not (tmp_path / "stopped/features").exists()


def test_half_written_features_are_made_again(tmp_path: Path) -> None:
    def at_the_fourth(index: int) -> None:
        if index == 3:
            os.kill(os.getpid(), signal.SIGINT)

    run(tmp_path / "straight", on_disk())
    stopped = run(tmp_path / "stopped", on_disk(), lazy_clips(at_the_fourth))
    assert (stopped.reason, stopped.during, stopped.exportable) == ("interrupted", "making features", False)
    assert run(tmp_path / "stopped", on_disk()).reason == "finished"
    assert same(weights(tmp_path / "stopped"), weights(tmp_path / "straight"))


def test_ctrl_c_ends_the_making_of_features_at_the_example_it_finds(tmp_path: Path) -> None:
    read: list[int] = []

    def at_the_third(index: int) -> None:
        read.append(index)
        if index == 2:
            signal.raise_signal(signal.SIGINT)

    outcome = run(tmp_path / "run", toy_recipe(), lazy_clips(at_the_third))
    assert read == [0, 1, 2]
    assert "stopped (interrupted) while making features" in str(outcome)
    assert "no checkpoint to export yet" in str(outcome)
    assert not (tmp_path / "run").exists()


def test_a_time_limit_counts_the_making_of_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("latentfx.training.runs.stopping.time.monotonic", lambda: now[0])

    def ten_seconds(index: int) -> None:
        now[0] += 10.0

    silent = Reporter(Console(quiet=True))
    outcome = train(
        toy_recipe(),
        tmp_path,
        clips=lazy_clips(ten_seconds),
        method=Streaming,
        device="cpu",
        limit_s=25.0,
        reporter=silent,
    )
    assert (outcome.reason, outcome.during) == ("time", "making features")
    assert now[0] == 30.0


def test_a_run_stopped_before_its_first_validation_can_be_loaded(tmp_path: Path) -> None:
    outcome = run(tmp_path, toy_recipe(), reporter=SignalAt(5, signal.SIGINT))
    assert outcome.exportable
    model, card = load_checkpoint(tmp_path, Streaming)
    assert (card["step"], card["stage"], card["metrics"]) == (5, "alone", {})
    fresh = Streaming(cast(Any, model).config)
    assert not torch.equal(model.decoder.weight, fresh.decoder.weight)
    run(tmp_path, toy_recipe())
    assert load_checkpoint(tmp_path, Streaming)[1]["stage"] == "taught"
    assert not (tmp_path / "unvalidated").exists()


def test_a_shipped_method_trains_the_same_weights_from_disk(tmp_path: Path) -> None:
    short = {f"train_stages.{stage}.steps": 4 for stage in ("timbre", "pitch", "level")}
    for keep in ("memory", "disk"):
        recipe = tiny_recipe(data_keep=keep, train_validate_every=4, **short)
        train(recipe, tmp_path / keep, device="cpu", threads=1, reporter=Reporter(Console(quiet=True)))
    states = [read_tensors(tmp_path / keep / "state.safetensors")[0] for keep in ("memory", "disk")]
    assert same(*states)
