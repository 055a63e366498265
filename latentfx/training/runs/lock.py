"""One process a run folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latentfx.errors import TrainingError

LOCK = ".lock"
_PROBE_BYTES = 1 << 20


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run folder.

    The system lets go of the lock when its process ends, also when it is killed; the empty file stays.

    Args:
        folder: made where absent, and removed again if nothing was written into it.
    Raises:
        TrainingError: another process trains in this folder, or it cannot be made or written into.
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
        _check_writable(folder)
        yield
    finally:
        lock.release()
        if new and folder.exists() and {path.name for path in folder.iterdir()} <= {LOCK}:
            shutil.rmtree(folder, ignore_errors=True)


def _check_writable(folder: Path) -> None:
    """Write as much as a small state takes, so that a full disk is told before data is made."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_PROBE_BYTES))
    except OSError as error:
        raise TrainingError(
            f"nothing can be written into the run folder {folder} ({error.strerror}); free space there, or "
            "give another --out"
        ) from None
