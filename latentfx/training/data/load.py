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
from latentfx.training.own_code import portable

LITTLE_S = 10.0
"""An instrument with less sound than this to train on is named."""


def load_data(
    settings: Mapping[str, object],
    sample_rate: int,
    seed: int,
    data_root: Path | None = None,
    *,
    progress: Progress = silent,
    code_folder: Path | None = None,
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
        code_folder: folder that sources of one's own lie in; None trusts no code outside latentfx.
    Raises:
        RecipeError: a wrong setting; the message names the key.
        TrustError: a source of one's own that is not trusted.
        DataError: data that is missing or unusable, or an instrument that no part has.
    """
    checked = read_settings(settings, code_folder)
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
    sides = (
        [outline for train, _ in known for outline in train],
        [outline for _, side in known for outline in side],
    )
    _check_sides(checked, *sides, notes)
    notes += _doubts(checked, *sides)
    cards = [
        part_card(portable(part.kind), asdict(part.source), *sides, piece.facts)  # type: ignore[call-overload]
        for part, piece, sides in zip(checked.parts, made, known, strict=True)
    ]
    train, validation = joined(piece.train for piece in made), joined(piece.validation for piece in made)
    card = describe(checked.instruments, sample_rate, seed, cards)
    if in_memory:
        return Dataset(tuple(train), tuple(validation), card, tuple(notes))
    return Dataset(train, validation, card, tuple(notes))


def _check_sides(
    settings: DataSettings, train: Sequence[Outline], validation: Sequence[Outline], notes: Sequence[str]
) -> None:
    present = {outline.instrument for outline in train}
    absent = [name for name in settings.instruments if name not in present]
    if absent:
        told = "".join(f"\n{note}" for note in notes)
        raise DataError(
            f"no training examples of {absent}; the parts have {sorted(present)}: change data.instruments, "
            f"or hold out less{told}"
        )
    both = {outline.source for outline in train} & {outline.source for outline in validation}
    if both:
        raise DataError(
            f"{min(both)} is in training and in validation: name it in the holdout of every part or of none"
        )


def _doubts(settings: DataSettings, train: Sequence[Outline], validation: Sequence[Outline]) -> list[str]:
    """Lines for the user about instruments with little sound, or without any to validate on."""
    seconds = dict.fromkeys(settings.instruments, 0.0)
    for outline in train:
        seconds[outline.instrument] = seconds.get(outline.instrument, 0.0) + outline.duration_s
    doubts = [
        f"there are only {seconds[name]:.1f} s of {name} to train on; add recordings, {LITTLE_S:g} s or more"
        for name in settings.instruments
        if seconds[name] < LITTLE_S
    ]
    judged = {outline.instrument for outline in validation}
    if validation:
        doubts += [
            f"there is no {name} to validate on: add a recording of it, or raise data.validation"
            for name in settings.instruments
            if name not in judged
        ]
    return doubts
