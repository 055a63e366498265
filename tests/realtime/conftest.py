"""A JACK server, devices on it, and `latentfx live` as a user starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from jack_rig import JackServer, Rig, die_with_parent, enter_jack
from live_command import COMMAND, wait_for_line

import latentfx
from latentfx.realtime import devices


@pytest.fixture(scope="session", autouse=True)
def _enter() -> None:
    """Once, before anything here touches JACK."""
    enter_jack()


@pytest.fixture(scope="module")
def jackd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JackServer]:
    """A server of this module's own: every client must be gone when it ends."""
    with JackServer(tmp_path_factory.mktemp("jack")) as server:
        yield server


@pytest.fixture
def rig(jackd: JackServer, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The devices `horn` and `room`, with one channel each, or as many as the test says."""
    rig = Rig(getattr(request, "param", 1))
    yield rig
    rig.close()


@pytest.fixture
def portaudio(rig: Rig) -> Iterator[Rig]:
    """PortAudio in this process, while the devices are there: it must not outlive their server."""
    sd = devices.sound()
    while sd._initialized:
        sd._terminate()
    sd._initialize()
    yield rig
    sd._terminate()


@dataclass
class Player:
    """A running `latentfx live`.

    Args:
        process: the command.
        errors: what it said on the way.
    """

    process: subprocess.Popen[str]
    errors: Path

    def finish(self) -> dict[str, Any]:
        """Stop it with Ctrl-C and return its statistics; it must end cleanly."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, self.errors.read_text()
        stats: dict[str, Any] = json.loads(out)
        return stats


@pytest.fixture
def player(rig: Rig, tmp_path: Path) -> Iterator[Callable[..., Player]]:
    """Start `latentfx live` on the rig's devices, with more options."""
    started: list[Player] = []

    def start(*options: object) -> Player:
        errors = tmp_path / f"errors-{len(started)}.txt"
        source = () if "--keys" in options else ("--input", "horn")
        words = [*COMMAND, *source, "--output", "room", "--json", *map(str, options)]
        with errors.open("w") as file:
            process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=file, text=True, preexec_fn=die_with_parent
            )
        started.append(Player(process, errors))
        wait_for_line(process, errors)
        return started[-1]

    yield start
    for running in started:  # before the server goes
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(15)
            except subprocess.TimeoutExpired:
                running.process.kill()
        running.process.communicate()


@pytest.fixture
def delay(plugin_file: Callable[[str], Path]) -> latentfx.LatentPlugin:
    """Audio times `gain`, 100 samples later, in hops of 64."""
    return latentfx.load(plugin_file("delay"))
