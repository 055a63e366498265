"""One worker: a plugin that is loaded and set, and recordings that come one after another."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from latentfx.batch import stores
from latentfx.batch.task import Outcome, Task
from latentfx.errors import AudioFileError, LatentFXError
from latentfx.host.processor import Processor
from latentfx.offline import Progress, apply_file
from latentfx.sound.source import SoundSource


@dataclass(frozen=True)
class Order:
    """What a worker is given once.

    Args:
        effect: the plugin, set, with what it learnt from a reference.
        scratch: folder for passing files; one of its own where None.
        normalize: whether results are scaled.
    """

    effect: Processor
    scratch: Path | None = None
    normalize: bool = False


class Worker:
    """Runs recordings through a plugin.

    Args:
        order: what it needs for all of them.
    """

    def __init__(self, order: Order) -> None:
        self._effect, self._normalize = order.effect, order.normalize
        self._own = None if order.scratch else tempfile.TemporaryDirectory(prefix="latentfx-batch-")
        self._scratch = order.scratch or Path(self._own.name if self._own else "")

    def run(self, task: Task, progress: Progress | None = None) -> Outcome:
        """Run one recording; whatever goes wrong is in the outcome."""
        begin = time.perf_counter()
        try:
            with play(task.source, task.target, self._scratch) as (source, target):
                applied = apply_file(source, target, self._effect, progress, normalize=self._normalize)
        except Exception as error:  # of any kind: one recording stops no other
            why = str(error) if isinstance(error, LatentFXError) else f"{type(error).__name__}: {error}"
            return Outcome.failed(task, why, time.perf_counter() - begin)
        return Outcome.of(task, applied, time.perf_counter() - begin)

    def close(self) -> None:
        """Remove the folder for passing files."""
        if self._own is not None:
            self._own.cleanup()


@contextmanager
def play(source: str, target: str, scratch: Path) -> Iterator[tuple[SoundSource, Path]]:
    """Open a recording, and a file for its result, which is in its place when the block ends.

    Args:
        source: path or URL.
        target: path or URL; the folder of a path is made.
        scratch: folder for the file that is sent to a URL.

    Raises:
        AudioFileError: one of them cannot be used.
    """
    if stores.scheme_of(source):
        with stores.reading(source) as file, _writing(target, scratch) as path:
            yield file, path
        return
    with _writing(target, scratch) as path:
        yield source, path


@contextmanager
def _writing(target: str, scratch: Path) -> Iterator[Path]:
    if not stores.scheme_of(target):
        path = Path(target)
        make_folder(path.parent)
        yield path
        return
    with stores.writing(target, scratch) as path:
        try:
            yield path
        except AudioFileError as error:
            raise AudioFileError(str(error).replace(str(path.resolve()), target)) from None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        AudioFileError: the system refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioFileError(f"cannot make the folder {folder}: {error.strerror or error}") from None
