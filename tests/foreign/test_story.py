"""The commands of examples/scale.md on training and on RAVE run, at small size, in the order of the page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pages
import pytest
from toy_rave import toy_file
from typer.testing import CliRunner

from latentfx.cli import app

PAGE = pages.ROOT / "examples" / "scale.md"
SMALL = [
    *("--device", "cpu", "--threads", "1", "--set", "train.batch_size=16", "--set", "train.validate_every=3"),
    *("--set", "data.parts[0].frequencies=10", "--set", "data.parts[0].amplitudes=3"),
]
LAUNCHERS = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"}


def section(heading: str) -> list[str]:
    """The commands below a heading, a line each."""
    parts = re.split(r"^## ", pages.text_of(PAGE), flags=re.MULTILINE)
    (found,) = (part for part in parts if part.startswith(heading))
    text = "".join(body for language, body in pages.FENCED.findall(found) if language == "sh")
    return text.splitlines()


def latentfx(words: list[str]) -> list[str]:
    """As installed: several processes run the same program again."""
    return [sys.executable, str(Path(sys.executable).with_name("latentfx")), *words]


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in LAUNCHERS}
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder), "OMP_NUM_THREADS": "1", **more}
    return subprocess.run(
        command, cwd=folder, env=kept | own, capture_output=True, text=True, check=False, timeout=600
    )


def works(words: list[str], folder: Path) -> str:
    done = run(latentfx(words), folder)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def said(words: list[str], *codes: int) -> str:
    """What a command says that runs in this process."""
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert result.exit_code in (0, *codes), f"{words}\n{result.output}"
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: it has the recordings of a clone, and a model called rave.ts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "examples").symlink_to(pages.ROOT / "examples")
    toy_file(tmp_path / "rave.ts")
    return tmp_path


def test_the_story_of_four_gpus(folder: Path) -> None:
    """With two processes, and six steps in place of forty epochs; the second call goes on after the first."""
    first, torchrun, srun, again, judged = (line.split() for line in section("Training on four GPUs"))
    assert first[-4:] == ["--devices", "4", "--precision", "bf16-mixed"]
    until = ["--set", "train.stages.train={ steps = 6 }"]
    out = works([*first[1:3], "--devices", "2", *first[5:], *SMALL, *until], folder)
    assert out.count("finished: runs/syntone-factor-vae at step 6") == 1
    assert out.count("training syntone-factor-vae") == 1
    said([*again[1:], *SMALL, *until])
    assert torchrun[0] == "torchrun"
    assert torchrun[-3:] == srun[-3:] == ["latentfx", "train", "syntone-factor-vae"]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", port]
    inner = latentfx(["train", "syntone-factor-vae", "--out", "runs/two", *SMALL, *until])
    done = run([*launch, "--no-python", *inner], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished: runs/two at step 6") == 1
    assert judged[1:] == ["evaluate", "runs/syntone-factor-vae"]
    said(judged[1:])


def test_the_story_of_a_rave_model(folder: Path) -> None:
    """`live` is played in tests/realtime, with the sound server that it needs."""
    played = []

    for line in section("A RAVE model under a MIDI controller"):
        (words,) = pages.commands_in(line)
        _, verb, *rest = words
        played.append(verb)
        if verb == "bench":
            assert "torchscript" in said([verb, *rest, "--seconds", "0.02"])
        elif verb == "validate":
            assert "latency" in said([verb, *rest, "--minutes", "0.02"], 1)
        elif verb != "live":
            said([verb, *rest])
    assert played == ["apply", "info", "preset", "preset", "live", "bench", "validate", "export"]
    assert {"rave.wav", "dark.wav", "mine.onnx"} <= {path.name for path in folder.iterdir()}
