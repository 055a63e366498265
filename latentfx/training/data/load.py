"""From a recipe's [data] table to clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from latentfx.errors import DataError
from latentfx.training.data.card import describe, part_card
from latentfx.training.data.example import Dataset
from latentfx.training.data.settings import BandPart, Part, StemsPart, read_settings
from latentfx.training.data.sources.mixes import build_mixes
from latentfx.training.data.sources.parts import Built, Job, build_part


def load_data(
    settings: Mapping[str, object], sample_rate: int, seed: int, data_root: Path | None = None
) -> Dataset:
    """Build the clips of a recipe, the same ones for the same seed.

    Args:
        settings: the [data] table.
        sample_rate: of the clips, Hz.
        seed: of everything that is drawn at random.
        data_root: what relative paths count from; None for LATENTFX_DATA or the current folder.
    Raises:
        RecipeError: a wrong setting; the message names the key.
        DataError: data that is missing or unusable, or an instrument that no part has.
    """
    checked = read_settings(settings)
    built = [
        _build(part, Job(checked, index, sample_rate, seed, data_root))
        for index, part in enumerate(checked.parts)
    ]
    train = tuple(clip for piece in built for clip in piece.train)
    validation = tuple(clip for piece in built for clip in piece.validation)
    present = {clip.instrument for clip in train}
    absent = [name for name in checked.instruments if name not in present]
    if absent:
        raise DataError(
            f"no training clips of {absent}; the parts have {sorted(present)}: change data.instruments, or "
            "hold out less"
        )
    both = {clip.source for clip in train} & {clip.source for clip in validation}
    if both:
        raise DataError(
            f"{min(both)} is in training and in validation: name it in the holdout of every part or of none"
        )
    cards = [
        part_card(part.kind, asdict(part), piece.train, piece.validation, piece.facts)
        for part, piece in zip(checked.parts, built, strict=True)
    ]
    return Dataset(train, validation, describe(checked.instruments, sample_rate, seed, cards))


def _build(part: Part, job: Job) -> Built:
    return build_mixes(part, job) if isinstance(part, (StemsPart, BandPart)) else build_part(part, job)
