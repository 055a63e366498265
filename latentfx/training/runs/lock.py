"""One process a run folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentfx.errors import TrainingError

LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run folder.

    The system lets go of the lock when its process ends, also when it is killed; the empty file stays.

    Args:
        folder: made where absent, and removed again if nothing was written into it.
    Raises:
        TrainingError: another process trains in this folder, or it cannot be made.
    """
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(
            f"the run folder {folder} cannot be made ({error.strerror}); give another --out"
        ) from None
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise TrainingError(
            f"another process is training in {folder}; wait until it ends, stop it, or give another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()
        if new and {path.name for path in folder.iterdir()} <= {LOCK}:
            shutil.rmtree(folder)
