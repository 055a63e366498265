"""The data card: what a model was trained on, for checkpoints and plugin files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from latentfx.training.data.side import Outline

PATH_SETTINGS = frozenset({"root", "path", "tunes"})


def part_card(
    kind: str,
    settings: Mapping[str, object],
    train: Sequence[Outline],
    validation: Sequence[Outline],
    facts: Mapping[str, object],
) -> dict[str, object]:
    """Describe one part: seconds of each side, licences, and names of recordings that are held out.

    Of paths only the last name is kept: a card says what, not where.
    """
    shown = {key: _shown(key, value) for key, value in settings.items()}
    return {
        "kind": kind,
        **facts,
        "settings": shown,
        "train": _seconds(train),
        "validation": _seconds(validation),
    }


def describe(
    instruments: Sequence[str], sample_rate: int, seed: int, parts: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    """Describe a data set: a JSON-ready record of its parts, seconds for each instrument, and licences."""
    licences: dict[str, int] = {}
    for part in parts:
        counts = part.get("licence")
        if isinstance(counts, Mapping):
            for licence, count in counts.items():
                licences[str(licence)] = licences.get(str(licence), 0) + int(count)
    return {
        "instruments": list(instruments),
        "sample_rate": sample_rate,
        "seed": seed,
        "licences": licences,
        "parts": list(parts),
    }


def _shown(key: str, value: object) -> object:
    if key in PATH_SETTINGS:
        return PurePath(str(value)).name
    return list(value) if isinstance(value, tuple) else value


def _seconds(outlines: Sequence[Outline]) -> dict[str, float]:
    """Seconds of each instrument; examples without an instrument are counted as `all`."""
    totals: dict[str, float] = {}
    for outline in outlines:
        name = outline.instrument or "all"
        totals[name] = round(totals.get(name, 0.0) + outline.duration_s, 3)
    return totals
