"""Which recordings and which tunes are for validation, and under which licences recordings stand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from latentfx.training.data.folder import matches
from latentfx.training.data.recording import Recording
from latentfx.training.data.source import Job
from latentfx.training.data.tunes import find_tunes


def held_out(
    recordings: Sequence[tuple[str, str]], holdout: Sequence[str], job: Job, least: int = 0
) -> set[str]:
    """Recordings of which all examples go to validation: named ones, or a share at random.

    Args:
        recordings: instrument and name of each.
        holdout: globs of names; without them recordings are drawn at random.
        job: its share for validation, and its random numbers.
        least: so many of each instrument, where it has more.
    """
    if holdout:
        return {name for _, name in recordings if matches(name, holdout)}
    held: set[str] = set()
    for instrument in job.instruments:
        own = [name for owner, name in recordings if owner == instrument]
        number = round(len(own) * job.validation)
        if job.validation > 0:
            number = max(number, min(least, len(own) - 1))
        held |= {own[i] for i in job.shared_rng("holdout", instrument).permutation(len(own))[:number]}
    return held


def split_tunes(folder: str, job: Job) -> tuple[list[Path], list[Path]]:
    """Tunes from files for training and for validation, none for both where there is no folder."""
    if not folder:
        return [], []
    tunes = find_tunes(job.path(folder, "tunes"))
    order = job.shared_rng("tunes").permutation(len(tunes))
    held = round(len(tunes) * job.validation)
    return [tunes[i] for i in order[held:]], [tunes[i] for i in order[:held]]


def count_licences(recordings: Sequence[Recording]) -> dict[str, int]:
    """How many files stand under each licence."""
    counts: dict[str, int] = {}
    for item in recordings:
        counts[item.licence] = counts.get(item.licence, 0) + 1
    return counts
