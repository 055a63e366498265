"""Crops hold the frames that they should, as often as they should."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from latentfx.errors import DataError, ShapeError
from latentfx.methods.cache import DiskFeatures, FeatureCache, features_on_disk
from latentfx.training.runs.sampling import FixedCrops, RandomCrops

LENGTHS = (10, 3, 30, 6)


def numbered(weights: torch.Tensor | None = None) -> FeatureCache:
    """Frames that carry their clip and their place in it."""
    frames = [
        {"place": torch.stack([torch.full((n,), float(k)), torch.arange(float(n))], dim=1).half()}
        for k, n in enumerate(LENGTHS)
    ]
    return FeatureCache.join(frames, {"instrument": torch.arange(4) * 100}, weights)


def drawn(crops: RandomCrops, steps: int) -> tuple[np.ndarray, np.ndarray]:
    batches = [crops.batch(step) for step in range(steps)]
    clip = torch.cat([batch["clip"] for batch in batches]).numpy()
    return clip, torch.cat([batch["place"][:, 0, 1] for batch in batches]).numpy()


def test_a_crop_is_consecutive_frames_of_one_clip() -> None:
    batch = RandomCrops(numbered(), 6, 64, seed=0).batch(5)
    assert batch["place"].shape == (64, 6, 2)
    assert batch["place"].dtype == torch.float32
    clip, start = batch["place"][:, 0].unbind(1)
    assert torch.equal(clip.long(), batch["clip"])
    assert torch.equal(batch["instrument"], batch["clip"] * 100)
    assert torch.equal(batch["place"][:, :, 0], clip[:, None].expand(-1, 6))
    assert torch.equal(batch["place"][:, :, 1], start[:, None] + torch.arange(6.0))


def test_clips_are_drawn_by_their_length_and_starts_evenly() -> None:
    clip, start = drawn(RandomCrops(numbered(), 6, 500, seed=0), 20)
    share = np.bincount(clip, minlength=4) / len(clip)
    assert share == pytest.approx([10 / 46, 0.0, 30 / 46, 6 / 46], abs=0.02)
    starts = np.bincount(start[clip == 2].astype(int), minlength=25)
    assert len(starts) == 25
    assert starts / starts.sum() == pytest.approx(np.full(25, 1 / 25), abs=0.012)


def test_weights_say_how_often_a_clip_is_drawn() -> None:
    crops = RandomCrops(numbered(torch.tensor([1.0, 5.0, 3.0, 0.0])), 6, 500, seed=0)
    clip, _ = drawn(crops, 20)
    assert np.bincount(clip, minlength=4) / len(clip) == pytest.approx([0.25, 0, 0.75, 0], abs=0.02)
    assert crops.left_out == 1


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, two = (RandomCrops(numbered(), 6, 8, seed=1) for _ in range(2))
    one.batch(0)
    torch.rand(3)
    assert torch.equal(one.batch(7)["place"], two.batch(7)["place"])
    assert not torch.equal(one.batch(7)["place"], one.batch(8)["place"])
    assert not torch.equal(RandomCrops(numbered(), 6, 8, seed=2).batch(7)["place"], two.batch(7)["place"])


def test_validation_covers_every_whole_crop_once() -> None:
    crops = FixedCrops(numbered(), 5, batch_size=4, limit=100)
    places = torch.cat([batch["place"][:, 0] for batch in crops]).int().tolist()
    assert len(crops) == len(places) == 9
    assert sorted(places) == [[0, 0], [0, 5], *([2, 5 * i] for i in range(6)), [3, 0]]
    assert places == torch.cat([batch["place"][:, 0] for batch in crops]).int().tolist()
    assert [row[0] for row in places] != sorted(row[0] for row in places)


def test_a_limit_thins_validation_evenly() -> None:
    crops = FixedCrops(numbered(), 5, batch_size=4, limit=3)
    places = sorted(torch.cat([batch["place"][:, 0] for batch in crops]).int().tolist())
    assert places == [[0, 0], [2, 10], [3, 0]]


def test_bad_features_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"'x' has 4 frames; the clips have 5"):
        FeatureCache({"x": torch.zeros(4, 2)}, torch.tensor([2, 3]))
    with pytest.raises(ShapeError, match=r"clip feature 'weights' has 3 rows; there are 2 clips"):
        FeatureCache({"x": torch.zeros(5, 2)}, torch.tensor([2, 3]), weights=torch.ones(3))
    with pytest.raises(ShapeError, match=r"clip 0 has features of different lengths: \{'x': 2, 'y': 3\}"):
        FeatureCache.join([{"x": torch.zeros(2), "y": torch.zeros(3)}])
    with pytest.raises(DataError, match="no clips"):
        FeatureCache.join([])
    with pytest.raises(DataError, match="not all 0"):
        RandomCrops(numbered(torch.zeros(4)), 6, 8, seed=0)


def test_joined_features_are_those_of_the_examples_end_to_end() -> None:
    made = [torch.randn(length, 3, 2).transpose(1, 2) for length in (1, 7, 2, 40, 3)]
    joined = FeatureCache.join({"x": features} for features in made)
    assert torch.equal(joined.frames["x"], torch.cat(made))
    assert joined.lengths.tolist() == [1, 7, 2, 40, 3]


def test_features_on_disk_give_the_crops_of_features_in_memory(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def frames() -> Iterator[dict[str, torch.Tensor]]:
        for n in LENGTHS:
            mel = torch.randn(n, 4, generator=generator)
            yield {"mel": mel, "half": mel.half(), "low": mel.bfloat16(), "count": torch.arange(n)}

    made = list(frames())
    clips = {"instrument": torch.arange(4)}
    memory = FeatureCache.join(made, clips)
    with features_on_disk(tmp_path / "deep" / "folder"):
        disk = FeatureCache.join(iter(made), clips)
    assert isinstance(disk, DiskFeatures)
    for step in range(5):
        one, two = (RandomCrops(cache, 6, 8, seed=1).batch(step) for cache in (memory, disk))
        assert one.keys() == two.keys()
        assert all(torch.equal(one[name], two[name]) for name in one)
        assert all(one[name].dtype == two[name].dtype for name in one)


def test_a_lazy_example_is_gone_before_the_next_is_made_on_disk(tmp_path: Path) -> None:
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0

    def frames() -> Iterator[dict[str, torch.Tensor]]:
        nonlocal most
        for _ in range(50):
            value = torch.ones(10, 3)
            alive.add(value)
            most = max(most, len(alive))
            yield {"x": value}
            del value

    with features_on_disk(tmp_path):
        disk = FeatureCache.join(frames())
    assert most <= 2
    assert disk.frames["x"].shape == (500, 3)
    assert (tmp_path / "x.frames").stat().st_size == 500 * 3 * 4
