"""What the tests of batches share: sounds, an S3 server with faults, and looks at a folder of results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import soundfile

RATE = 48_000
PATIENCE_S = 120.0
Sounds = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]


def write_sound(path: Path, seconds: float = 0.1, level: float = 0.25) -> None:
    """Write a file of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(seconds * RATE), level), RATE)


class Faults:
    """A WSGI program that answers 503 now and then.

    Args:
        app: answers the other requests.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.every = 0
        self.answered = 0
        self._count = count(1)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if self.every and not next(self._count) % self.every:
            self.answered += 1
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("503 Slow Down", [("Content-Type", "application/xml"), ("Connection", "close")])
            return [b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"]
        return self.app(environ, start_response)


def aws(address: str, folder: Path) -> dict[str, str]:
    """Environment variables that lead the clients of S3 to a server of the tests."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
    }


def parts(folder: Path) -> list[Path]:
    """Files that are not whole."""
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def results(folder: Path) -> dict[str, int]:
    """Every sound below a folder -> its samples; each must be readable."""
    return {
        path.relative_to(folder).as_posix(): soundfile.info(path).frames for path in folder.rglob("*.wav")
    }


def journal_of(folder: Path, name: str = "latentfx-batch.jsonl") -> list[dict[str, Any]]:
    """The lines of a journal."""
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def put(folder: Path, url: str) -> None:
    """Copy the files of a folder into a store."""
    store, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    for file in folder.rglob("*"):
        if file.is_file():
            store.put_file(str(file), f"{path.rstrip('/')}/{file.relative_to(folder).as_posix()}")


def names(url: str) -> list[str]:
    """The objects below a URL."""
    store, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return sorted(name.removeprefix(path).lstrip("/") for name in store.find(path))


def wait_until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


def writers(folder: Path, name: str = "") -> list[int]:
    """Processes that have a file open which is not whole yet, of this name or of any."""
    found = []
    for part in parts(folder):
        for link in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                if name in part.name and link.readlink() == part:
                    found.append(int(link.parts[2]))
    return found


@contextmanager
def killer(folder: Path, name: str = "", times: int = 1) -> Iterator[None]:
    """Kill workers while they write."""

    def kill() -> None:
        for _ in range(times):
            wait_until(lambda: {*writers(folder, name)} - killed)
            for pid in {*writers(folder, name)} - killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)

    killed: set[int] = set()
    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join()
    assert len(killed) >= times
