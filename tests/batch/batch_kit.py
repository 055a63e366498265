"""What the tests of batches share: sounds, an S3 server with faults, and looks at a folder of results."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import soundfile

RATE = 48_000
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
