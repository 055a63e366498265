"""Folders of short sounds, an S3 server of this machine, and the command as a user starts it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

sys.path.insert(0, str(Path(__file__).parent))

from batch_kit import Faults, Sounds, Start, aws, write_sound


@pytest.fixture
def sounds(tmp_path: Path) -> Sounds:
    """Write so many sounds into the folder `takes`."""

    def write(number: int, seconds: float = 0.1) -> Path:
        for index in range(number):
            write_sound(tmp_path / "takes" / f"kit {index % 3}" / f"note {index:03d} ü音.wav", seconds)
        return tmp_path / "takes"

    return write


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command `latentfx` in a process group of its own; what is left of it is ended."""
    begun: list[subprocess.Popen[str]] = []

    def run(*words: object) -> subprocess.Popen[str]:
        program = "from latentfx.cli import main; main()"
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", program, *map(str, words)],
                cwd=tmp_path,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Faults]]:
    """An S3 server: its address, and its faults."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    faults = Faults(DomainDispatcherApplication(create_backend_app))
    served = make_server("127.0.0.1", 0, faults, threaded=True)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", faults
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture
def bucket(server: tuple[str, Faults], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """An empty bucket, as a URL; the settings of AWS lead to it."""
    address, faults = server
    for name, value in aws(address, tmp_path).items():
        monkeypatch.setenv(name, value)
    store = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
    name = f"takes-{os.urandom(4).hex()}"
    store.mkdir(name)
    yield f"s3://{name}"
    faults.every = 0
