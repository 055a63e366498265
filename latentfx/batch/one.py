"""One recording, from a path or a URL to a path or a URL."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from latentfx.batch import stores
from latentfx.batch.plan import SOUND_SUFFIXES
from latentfx.batch.task import Outcome, Task
from latentfx.batch.worker import play
from latentfx.host.processor import Processor
from latentfx.offline import Progress, apply_file
from latentfx.sound.targets import choose_target, result_name


def apply_place(
    source: str, target: str, effect: Processor, progress: Progress | None = None, normalize: bool = False
) -> Outcome:
    """Run one recording through an effect.

    Args:
        source: path or URL.
        target: path or URL of the result, or of a folder for one of the same name.
        effect: as it is set.
        progress: called with the samples done and the samples in all.
        normalize: scale the result.

    Raises:
        AudioFileError: one of them cannot be used.
    """
    source, target = stores.local_path(source), stores.local_path(target)
    if not stores.scheme_of(source) and not stores.scheme_of(target):
        applied = apply_file(source, target, effect, progress, normalize=normalize)
        return Outcome.of(Task(0, source, str(applied.target), "", 0), applied, 0.0)
    place = _place(source, target)
    with (
        tempfile.TemporaryDirectory(prefix="latentfx-") as scratch,
        play(source, place, Path(scratch)) as (file, path),
    ):
        applied = apply_file(file, path, effect, progress, normalize=normalize)
    return Outcome.of(Task(0, source, place, "", 0), applied, 0.0)


def _place(source: str, target: str) -> str:
    name = PurePosixPath(source).name if stores.scheme_of(source) else Path(source).name
    if not stores.scheme_of(target):
        return str(choose_target(target, name))
    is_file = PurePosixPath(target).suffix.lower() in SOUND_SUFFIXES
    return target if is_file else stores.join(target, result_name(Path(name)))
