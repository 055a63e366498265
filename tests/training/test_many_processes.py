"""Several processes train as one does: the same losses, one set of files, and any number goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from test_loop import curve_rows
from toy import toy_clips, toy_recipe, train_toy
from toy_of_many import Still, ToyConfig

from latentfx.errors import RecipeError
from latentfx.methods.cache import DiskFeatures
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors
from latentfx.training.runs.fabric import make_fabric
from latentfx.training.runs.preparing import Preparer
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.sampling import RandomCrops
from latentfx.training.runs.stopping import Stopper
from latentfx.training.runs.together import Together
from latentfx.training.runs.watch import Watch

PROGRAM = Path(__file__).with_name("toy_of_many.py")
LAUNCHERS = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"}


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in LAUNCHERS}
    return {**kept, "OMP_NUM_THREADS": "1", **more}


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def trained(folder: Path, *options: str, launcher: Sequence[str] = (sys.executable,)) -> dict[str, Any]:
    """Train a toy of many in a process of its own, and return what the first one saw."""
    folder.mkdir(exist_ok=True)
    command = [*launcher, str(PROGRAM), str(folder), *options]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return seen(folder)


def seen(folder: Path, rank: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"seen-{rank}.json").read_text(encoding="utf-8"))
    return found


def weights(folder: Path) -> dict[str, torch.Tensor]:
    tensors, _ = read_tensors(folder / "run" / "state.safetensors")
    return {name: value for name, value in tensors.items() if name.startswith("model.")}


def largest_gap(a: Path, b: Path) -> float:
    one, other = weights(a), weights(b)
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    trained(folder)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    trained(folder, "--devices", "2")
    return folder


def test_two_processes_with_half_a_batch_each_follow_one_with_a_whole_batch(one: Path, two: Path) -> None:
    alone, together = seen(one)["losses"], seen(two)["losses"]
    assert len(alone) == len(together) == 24
    assert max(abs(a - b) for a, b in zip(alone, together, strict=True)) < 1e-4
    assert alone[19] < 0.8 * alone[0]
    assert largest_gap(one, two) < 1e-4


def test_two_players_follow_too_under_torchrun(tmp_path: Path) -> None:
    alone = trained(tmp_path / "one", "--duel")["losses"]
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port")
    together = trained(tmp_path / "two", "--duel", launcher=(*torchrun, free_port()))["losses"]
    assert max(abs(a - b) for a, b in zip(alone, together, strict=True)) < 1e-4
    assert largest_gap(tmp_path / "one", tmp_path / "two") < 1e-4
    assert (tmp_path / "two" / "seen-1.json").exists()


def test_all_processes_agree_on_the_evaluation(one: Path, two: Path) -> None:
    assert seen(two, 0)["best"] == seen(two, 1)["best"]
    cards = [load_checkpoint(folder / "run", Still)[1] for folder in (one, two)]
    assert "processes" not in cards[0]
    assert cards[1]["processes"] == 2
    assert cards[1]["metrics"]["loss"] == pytest.approx(cards[0]["metrics"]["loss"], abs=1e-5)
    health = [card["health"]["code"] for card in cards]
    assert health[1] == pytest.approx(health[0], rel=1e-3, abs=1e-4)
    codes = [card["codes"]["code"]["mean"] for card in cards]
    assert codes[1] == pytest.approx(codes[0], abs=1e-4)


def test_the_first_process_alone_writes(one: Path, two: Path) -> None:
    places = [
        [(row["step"], row["split"], row["part"]) for row in curve_rows(folder / "run")]
        for folder in (one, two)
    ]
    assert places[0] == places[1]
    names = [{path.name for path in (folder / "run").iterdir()} for folder in (one, two)]
    assert names[0] == names[1]


def test_a_run_goes_on_with_another_number_of_processes(one: Path, tmp_path: Path) -> None:
    assert trained(tmp_path, "--devices", "2", "--stop-at", "7")["reason"] == "interrupted"
    assert seen(tmp_path, 1)["reason"] == "interrupted"
    assert trained(tmp_path, "--stop-at", "6")["reason"] == "interrupted"
    assert trained(tmp_path, "--devices", "2")["reason"] == "finished"
    assert largest_gap(one, tmp_path) < 1e-4


class Ranked:
    """As much of a Fabric as says which process this is."""

    def __init__(self, rank: int, size: int) -> None:
        self.global_rank, self.world_size = rank, size


def test_each_process_draws_its_own_numbers_by_seed_and_step_under_slurm(tmp_path: Path) -> None:
    shared = {
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "train",
        "SLURM_NODELIST": "127.0.0.1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
    }
    command = [sys.executable, str(PROGRAM), str(tmp_path), "--noise", "--steps", "4"]
    tasks = [
        subprocess.Popen(
            command,
            env=environment(**shared, SLURM_PROCID=rank, SLURM_LOCALID=rank, SLURM_NODEID="0"),
            stderr=subprocess.PIPE,
        )
        for rank in ("0", "1")
    ]
    for task in tasks:
        _, told = task.communicate(timeout=300)
        assert task.returncode == 0, told.decode()
    drawn = [seen(tmp_path, rank)["drawn"] for rank in (0, 1)]
    assert len({*drawn[0], *drawn[1]}) == 2 * 8
    for rank in (0, 1):
        process = Together(Ranked(rank, 2))  # type: ignore[arg-type]  # only the numbers are read
        for step, value in enumerate(drawn[rank]):
            process.seed_step(toy_recipe().recipe.seed, step)
            assert float(torch.randn(())) == value


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    together = Together(Ranked(0, 3))  # type: ignore[arg-type]  # only the numbers are read
    with pytest.raises(RecipeError, match=r"batch_size is 4; with 3 processes it must be a multiple of 3"):
        together.share_of(4)
    assert together.share_of(6) == slice(0, 2)


def test_shares_of_all_processes_are_the_batch() -> None:
    features = Still(ToyConfig()).prepare(toy_clips().train)
    whole = RandomCrops(features, 8, 6, seed=1)
    shares = [RandomCrops(features, 8, 6, 1, slice(at, at + 2)) for at in (0, 2, 4)]
    for step in (0, 5):
        joined = torch.cat([share.batch(step)["frame"] for share in shares])
        assert torch.equal(joined, whole.batch(step)["frame"])
        assert torch.equal(shares[1].whole(step)["frame"], whole.batch(step)["frame"])


def test_features_of_the_first_process_are_mapped_by_the_others(tmp_path: Path) -> None:
    clips, settings = toy_clips(), {"seed": 1}
    quiet = Watch(Reporter(Console(quiet=True)), Stopper(None))
    made = Preparer(Still(ToyConfig()), quiet).on_disk(clips, tmp_path, settings, resumes=False)
    others = Preparer(Still(ToyConfig()), quiet)
    found = others.shared(tmp_path, settings)
    assert found is not None
    for side, mapped in zip((made.train, made.validation), found, strict=True):
        assert isinstance(mapped.features, DiskFeatures)
        assert torch.equal(mapped.features.frames["frame"], side.features.frames["frame"])
        assert list(mapped.instruments) == list(side.instruments)
    assert others.shared(tmp_path, {"seed": 2}) is None


def test_options_that_the_launcher_denies_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match=r"--devices 4 --nodes 2 were given; .* 2 processes on each of 2"):
        make_fabric("cpu", devices=4)


def test_a_run_that_cannot_begin_ends_in_every_process(tmp_path: Path) -> None:
    train_toy(tmp_path / "run", toy_recipe())  # a run of another recipe
    command = [sys.executable, str(PROGRAM), str(tmp_path), "--devices", "2"]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode not in (0, -signal.SIGKILL)
    assert "belongs to another recipe" in done.stderr
    assert "the first process could not begin" in done.stderr
