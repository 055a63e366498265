"""Same seed, same weights: also when the run was interrupted, killed and resumed."""

from __future__ import annotations

import csv
import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch
from rich.console import Console
from toy import SignalAt, Toy, ToyConfig, toy_clips, toy_recipe, train_toy

from latentfx.errors import CheckpointError, DataError, RecipeError, TrainingError
from latentfx.training import catalogue
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors, write_tensors
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.start import train

STATE = "state.safetensors"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {**read_tensors(folder / STATE)[0], **read_tensors(folder / "best-taught/weights.safetensors")[0]}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def curve_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "curves.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    assert train_toy(folder, toy_recipe()).reason == "finished"
    return folder


def test_same_seed_gives_the_same_weights_bit_for_bit(straight: Path, tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe())
    assert same(weights(tmp_path), weights(straight))
    assert curve_rows(tmp_path) == curve_rows(straight)


def test_another_seed_gives_other_weights(straight: Path, tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(seed=4))
    assert not same(weights(tmp_path), weights(straight))


def test_a_killed_run_ends_as_if_it_had_not_been_killed(straight: Path, tmp_path: Path) -> None:
    program = [sys.executable, str(Path(__file__).with_name("toy.py")), str(tmp_path), "47"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert read_tensors(tmp_path / STATE)[1]["progress"]["step"] == 42
    train_toy(tmp_path, toy_recipe())
    assert same(weights(tmp_path), weights(straight))
    assert curve_rows(tmp_path) == curve_rows(straight)


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9, "schedule": "cosine", "warmup_steps": 30}])
def test_ctrl_c_saves_and_the_next_call_goes_on(tmp_path: Path, settings: dict[str, object]) -> None:
    recipe = toy_recipe(**settings)
    train_toy(tmp_path / "straight", recipe)
    seen = []
    for steps in (5, 26, 43):
        outcome = train_toy(tmp_path / "stopped", recipe, SignalAt(steps, signal.SIGINT))
        seen.append((outcome.reason, outcome.step))
    assert seen == [("interrupted", 5), ("interrupted", 31), ("interrupted", 74)]
    assert train_toy(tmp_path / "stopped", recipe).reason == "finished"
    assert same(weights(tmp_path / "stopped"), weights(tmp_path / "straight"))
    assert curve_rows(tmp_path / "stopped") == curve_rows(tmp_path / "straight")


def test_signals_work_as_before_after_a_run(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    train_toy(tmp_path, toy_recipe(), SignalAt(2, signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_time_limit_ends_with_a_state_to_go_on_from(straight: Path, tmp_path: Path) -> None:
    outcome = train(toy_recipe(), tmp_path, clips=toy_clips(), method=Toy, limit_s=0.0, device="cpu")
    assert (outcome.reason, outcome.step) == ("time", 0)
    train_toy(tmp_path, toy_recipe())
    assert same(weights(tmp_path), weights(straight))


def test_a_finished_run_stays_as_it_is(straight: Path, tmp_path: Path) -> None:
    before = weights(straight)
    outcome = train_toy(straight, toy_recipe())
    assert (outcome.reason, outcome.step) == ("finished", 120)
    assert same(weights(straight), before)


def test_a_save_that_fails_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))

    def full_disk(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(OSError, match="No space left"):
            train_toy(tmp_path, toy_recipe())
    assert train_toy(tmp_path, toy_recipe(), SignalAt(1, signal.SIGINT)).step == 10


def test_a_changed_recipe_is_refused_and_what_differs_is_named(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    before = (tmp_path / STATE).read_bytes()
    with pytest.raises(CheckpointError, match=r"train\.lr was 0\.01, now 0\.02.*--out"):
        train_toy(tmp_path, toy_recipe(lr=0.02))
    with pytest.raises(CheckpointError, match=r"method\.size was 3, now 4; recipe\.seed was 3, now 5"):
        train_toy(tmp_path, toy_recipe(seed=5, method={"size": 4}))
    assert (tmp_path / STATE).read_bytes() == before


def test_words_of_a_recipe_may_change_and_the_run_goes_on(straight: Path, tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    about = {"description": "other words", "notes": "twice as fast", "licence": "CC0-1.0"}
    recipe = toy_recipe()
    reworded = dataclasses.replace(recipe, recipe=dataclasses.replace(recipe.recipe, **about))
    assert train_toy(tmp_path, reworded).reason == "finished"
    assert same(weights(tmp_path), weights(straight))


def test_a_run_whose_method_has_changed_since_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    monkeypatch.setattr(Toy, "revision", 2)
    with pytest.raises(CheckpointError, match=r"revision was 1, now 2.*--out"):
        train_toy(tmp_path, toy_recipe())


def test_a_damaged_state_is_an_error_and_not_a_new_start(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    state = tmp_path / STATE
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        train_toy(tmp_path, toy_recipe())


def test_the_best_starts_anew_with_each_stage(straight: Path) -> None:
    first, second = (read_tensors(straight / f"best-{s}/weights.safetensors")[1] for s in ("alone", "taught"))
    assert second["metrics"]["loss"] > 1.0 > first["metrics"]["loss"]
    assert (first["stage"], second["stage"]) == ("alone", "taught")
    assert 60 < second["step"] <= 120


def test_the_best_is_the_lowest_validation_of_its_stage(straight: Path) -> None:
    for stage in ("alone", "taught"):
        values = {
            int(row["step"]): float(row["value"])
            for row in curve_rows(straight)
            if (row["stage"], row["split"], row["part"]) == (stage, "validation", "loss")
        }
        card = load_checkpoint(straight / f"best-{stage}", Toy)[1]
        assert card["step"] == min(values, key=values.__getitem__)
        assert card["metrics"]["loss"] == min(values.values())


def test_patience_starts_anew_with_each_stage(tmp_path: Path) -> None:
    stages = {"alone": {"steps": 1000}, "taught": {"steps": 1000}}
    outcome = train_toy(tmp_path, toy_recipe(lr=0.0, patience=2, stages=stages))
    assert (outcome.reason, outcome.step) == ("finished", 60 + 60)


class DiesAtTheSwitch(Reporter):
    """Fails after the state of the last validation is saved, before the next stage begins."""

    def say(self, text: str) -> None:
        if "ends early" in text:
            raise BrokenPipeError


def test_a_stage_that_lost_patience_does_not_go_on_after_a_kill(tmp_path: Path) -> None:
    recipe = toy_recipe(lr=0.0, patience=2, stages={"alone": {"steps": 1000}, "taught": {"steps": 1000}})
    with pytest.raises(BrokenPipeError):
        train_toy(tmp_path, recipe, DiesAtTheSwitch(Console(quiet=True)))
    assert read_tensors(tmp_path / STATE)[1]["progress"]["stale"] == 2
    assert train_toy(tmp_path, recipe).step == 120


def test_the_teacher_is_the_end_of_the_first_stage_and_stays(straight: Path) -> None:
    alone, card = load_checkpoint(straight / "best-alone", Toy)
    taught, _ = load_checkpoint(straight, Toy)
    assert card["step"] == 60
    assert torch.equal(taught.teacher.weight, alone.decoder.weight)
    assert not torch.equal(taught.teacher.weight, taught.decoder.weight)


def test_the_optimiser_carries_on_across_the_switch(straight: Path) -> None:
    tensors, _ = read_tensors(straight / STATE)
    assert tensors["optimizer.0.step"] == 120


def test_training_lowers_the_loss_of_clips_it_never_saw(straight: Path) -> None:
    rows = [r for r in curve_rows(straight) if r["split"] == "validation" and r["part"] == "error"]
    assert float(rows[-1]["value"]) < 0.8 * float(rows[0]["value"])


def test_epochs_are_passes_over_the_frames(tmp_path: Path) -> None:
    stages = {"alone": {"epochs": 2}, "taught": {"steps": 1}}
    outcome = train_toy(tmp_path, toy_recipe(stages=stages))
    frames = sum(len(clip.audio) // 16 for clip in toy_clips().train)
    assert outcome.step == 2 * -(-frames // (4 * 8)) + 1


def test_a_loss_that_is_not_a_number_stops_with_the_last_good_state(tmp_path: Path) -> None:
    message = r"step \d+ of stage 'alone' is not finite: loss nan.*lower train\.lr"
    with pytest.raises(TrainingError, match=message):
        train_toy(tmp_path, toy_recipe(method={"break_below": 0.45}, checkpoint_every=5))
    tensors, header = read_tensors(tmp_path / STATE)
    assert header["progress"]["step"] > 0
    assert all(torch.isfinite(value).all() for name, value in tensors.items() if value.is_floating_point())


def test_a_state_of_an_earlier_version_goes_on(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lacks settings that were added since, and has the method's name of then."""
    train_toy(tmp_path, toy_recipe(), SignalAt(47, signal.SIGTERM))
    tensors, header = read_tensors(tmp_path / STATE)
    settings = header["settings"]
    del settings["train"]["patience"], settings["method"]["break_below"], settings["revision"]
    settings["method"]["name"] = "toy_of_then"
    monkeypatch.setitem(catalogue.RENAMED, "toy_of_then", "toy")
    write_tensors(tmp_path / STATE, tensors, header)
    assert train_toy(tmp_path, toy_recipe()).reason == "finished"
    assert same(weights(tmp_path), weights(straight))


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    class Breaking(Toy):
        """Breaks a weight that its loss does not look at."""

        def __init__(self, config: ToyConfig) -> None:
            super().__init__(config)
            self.unseen = torch.nn.Parameter(torch.zeros(2))

        def loss(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            self.unseen.data[1] = float("nan")
            return super().loss(batch)

    with pytest.raises(TrainingError, match=r"is not finite: largest weight nan; the last good state is"):
        train(toy_recipe(checkpoint_every=1), tmp_path, clips=toy_clips(), method=Breaking, device="cpu")
    assert read_tensors(tmp_path / STATE)[1]["progress"]["step"] == 0


def test_a_run_folder_is_data_without_pickle(straight: Path) -> None:
    files = [path for path in straight.rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.suffix for path in files} == {".safetensors", ".json", ".csv", ".png"}
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            size = int.from_bytes(content[:8], "little")
            described = json.loads(content[8 : 8 + size])
            ends = [value["data_offsets"][1] for name, value in described.items() if name != "__metadata__"]
            assert max(ends) == len(content) - 8 - size
        elif path.suffix == ".json":
            json.loads(content)
        elif path.suffix == ".csv":
            assert content.isascii()
    assert (straight / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_stages_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="taught, alone; method 'toy' has, in this order: alone, taught"):
        train_toy(tmp_path, toy_recipe(stages={"taught": {"steps": 1}, "alone": {"steps": 1}}))


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_side_without_clips_is_an_error_before_anything_is_written(side: str, tmp_path: Path) -> None:
    clips = dataclasses.replace(toy_clips(), **{side: []})
    with pytest.raises(DataError, match=r"wanted some of both, .* Change data\.validation"):
        train(toy_recipe(), tmp_path / "run", clips=clips, method=Toy, device="cpu")
    assert not (tmp_path / "run").exists()


def test_clips_that_are_too_short_are_an_error_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"crop_frames = 500 frames; the longest has 80\. Lower"):
        train_toy(tmp_path, toy_recipe(crop_frames=500))


def test_an_unusable_device_is_an_error_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"device 'warp'.*give auto, cpu, cuda, cuda:1 or mps"):
        train(toy_recipe(), tmp_path, clips=toy_clips(), method=Toy, device="warp")


def test_a_state_whose_bytes_changed_is_refused_with_the_cure(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    content = bytearray((tmp_path / STATE).read_bytes())
    content[-3] ^= 1
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"values are not those that were written\. Delete this file"):
        train_toy(tmp_path, toy_recipe())


def test_a_state_of_broken_numbers_is_not_gone_on_with(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    tensors, header = read_tensors(tmp_path / STATE)
    tensors["optimizer.1.exp_avg"][0] = float("nan")
    write_tensors(tmp_path / STATE, tensors, header)
    with pytest.raises(CheckpointError, match=r"optimizer\.1\.exp_avg .* not finite\. Delete this file"):
        train_toy(tmp_path, toy_recipe())


def test_a_state_of_a_version_without_checksums_goes_on(straight: Path, tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(9, signal.SIGINT))
    tensors, header = read_tensors(tmp_path / STATE)
    safetensors.torch.save_file(tensors, tmp_path / STATE, {"latentfx": json.dumps(header)})
    train_toy(tmp_path, toy_recipe())
    assert same(weights(tmp_path), weights(straight))
