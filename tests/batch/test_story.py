"""The story of a library on two machines, at small size: every command of the page, in its order."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import pages
import pytest
from batch_kit import (
    Faults,
    Sounds,
    Start,
    aws,
    journal_of,
    names,
    parts,
    put,
    results,
    wait_until,
    write_sound,
)

PAGE = pages.ROOT / "examples" / "scale.md"
NOTES = 6
Write = Callable[[str], Path]
LATENTFX = [sys.executable, "-c", "from latentfx.cli import main; main()"]
RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
SMALL = ["--num-cpus", "1", "--object-store-memory", str(100 << 20), "--disable-usage-stats"]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(ports: list[int]) -> None:
    """Wait until something answers at each port."""

    def answers(port: int) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    wait_until(lambda: all(map(answers, ports)))


def test_where_no_cluster_runs_one_is_started_and_ends_with_the_batch(
    start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as ray_folder:  # the names of sockets are short
        monkeypatch.setenv("RAY_TMPDIR", ray_folder)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        words = ("-p", plugin_file("gain"), "--on", "ray", "--jobs", 2, "--json")
        process = start("apply", sounds(4), tmp_path / "out", *words)
        said, err = process.communicate()
        assert process.returncode == 0, err
        assert json.loads(said)["made"] == 4
        wait_until(lambda: not processes_of(ray_folder))


def processes_of(folder: str) -> list[str]:
    """Processes that were started with a folder of Ray's."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if folder in line.read_text(errors="replace"):
                found.append(line.parent.name)
    return found


@pytest.fixture
def studio(server: tuple[str, Faults], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library in a folder, and a copy of it in the bucket of the page."""
    for name, value in aws(server[0], tmp_path).items():
        monkeypatch.setenv(name, value)
    for index in range(NOTES):
        write_sound(tmp_path / "library" / "violin" / f"string {index % 4}" / f"note {index}.wav")
    store = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    store.mkdir("studio")
    put(tmp_path / "library", "s3://studio/library")
    return tmp_path


@pytest.fixture
def machines() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Nodes of a cluster that run in the background; they are ended, and nobody else's."""
    begun: list[subprocess.Popen[bytes]] = []
    yield begun
    for machine in reversed(begun):
        os.killpg(machine.pid, signal.SIGTERM)
        machine.wait()


def commands() -> list[str]:
    """The commands of the story, for free ports of this machine."""
    story = pages.text_of(PAGE).partition("\n## A library")[2].partition("\n## ")[0]
    here = {"6379": str(free_port()), "10001": str(free_port()), "first-machine": "127.0.0.1"}
    blocks = re.findall(r"^```sh\n(.*?)^```", story, re.MULTILINE | re.DOTALL)
    found = "".join(blocks)
    for there, replaced in here.items():
        found = found.replace(there, replaced)
    return found.splitlines()


def test_every_command_of_the_library_runs(
    studio: Path, machines: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(studio / "home"))
    monkeypatch.setenv("RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S", "120")  # a busy machine starts slowly
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # or the server for a client may hang
    monkeypatch.setenv("RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S", "0")  # the machines end at once
    said: list[str] = []
    for words in map(shlex.split, commands()):
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
        elif words[:2] == ["ray", "start"]:
            command = [*RAY, *words[1:], *SMALL]
            machines.append(subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL))
            wait_for([int(word.rpartition(":")[2]) for word in words if word[-1].isdigit()])
        else:
            own = RAY if words[0] == "ray" else LATENTFX
            done = subprocess.run([*own, *words[1:]], cwd=studio, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
    tried, again, one, two, _, spread = said
    assert f"{NOTES} of {NOTES} files made" in tried
    assert json.loads(again)["skipped"] == NOTES
    assert len(one.splitlines()) + len(two.splitlines()) == NOTES + 2
    assert f"{NOTES} of {NOTES} files made" in spread
    sounds = [name for name in names("s3://studio/library") if name.endswith(".wav")]
    assert [name for name in names("s3://studio/flutes") if name.endswith(".wav")] == sounds
    assert [name for name in names("s3://studio/soft-flutes") if name.endswith(".wav")] == sounds
    assert len(results(studio / "flutes")) == len(journal_of(studio / "flutes")) == NOTES
    assert parts(studio) == []
