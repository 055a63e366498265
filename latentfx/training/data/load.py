"""From a recipe's [data] table to examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from latentfx.errors import DataError
from latentfx.training.data.card import describe, part_card
from latentfx.training.data.example import Dataset
from latentfx.training.data.settings import DataSettings, read_settings
from latentfx.training.data.side import Outline, joined, outlines
from latentfx.training.data.source import Job, Progress, silent


def load_data(
    settings: Mapping[str, object],
    sample_rate: int,
    seed: int,
    data_root: Path | None = None,
    *,
    progress: Progress = silent,
) -> Dataset:
    """Make the examples of a recipe, the same ones for the same seed.

    With `keep = "disk"` the sides are sequences that make or read an example when it is asked for: read them
    in order. With `keep = "memory"` all examples are made here.

    Args:
        settings: the [data] table.
        sample_rate: of the examples, Hz.
        seed: of everything that is drawn at random.
        data_root: what relative paths count from; None for LATENTFX_DATA or the current folder.
        progress: is told what is being done, how much of it is done, and how much there is to do.
    Raises:
        RecipeError: a wrong setting; the message names the key.
        DataError: data that is missing or unusable, or an instrument that no part has.
    """
    checked = read_settings(settings)
    in_memory = checked.keep == "memory"
    notes: list[str] = []
    made = []
    for index, part in enumerate(checked.parts):
        job = Job(
            part.kind,
            index,
            checked.instruments,
            checked.validation,
            sample_rate,
            seed,
            data_root,
            in_memory,
            progress,
            notes,
        )
        made.append(part.source.make(job))
    known = [(outlines(piece.train), outlines(piece.validation)) for piece in made]
    _check_sides(checked, [train for train, _ in known], [validation for _, validation in known])
    cards = [
        part_card(part.kind, asdict(part.source), *sides, piece.facts)  # type: ignore[call-overload]
        for part, piece, sides in zip(checked.parts, made, known, strict=True)
    ]
    train, validation = joined(piece.train for piece in made), joined(piece.validation for piece in made)
    card = describe(checked.instruments, sample_rate, seed, cards)
    if in_memory:
        return Dataset(tuple(train), tuple(validation), card, tuple(notes))
    return Dataset(train, validation, card, tuple(notes))


def _check_sides(
    settings: DataSettings, train: Sequence[Sequence[Outline]], validation: Sequence[Sequence[Outline]]
) -> None:
    present = {outline.instrument for side in train for outline in side}
    absent = [name for name in settings.instruments if name not in present]
    if absent:
        raise DataError(
            f"no training clips of {absent}; the parts have {sorted(present)}: change data.instruments, or "
            "hold out less"
        )
    both = {outline.source for side in train for outline in side} & {
        outline.source for side in validation for outline in side
    }
    if both:
        raise DataError(
            f"{min(both)} is in training and in validation: name it in the holdout of every part or of none"
        )
