"""The table: which columns and rows it has, and what stands in them."""

from __future__ import annotations

import json
import math

import pytest

from latentfx.training.evaluations.plain import plain
from latentfx.training.evaluations.swap.protocol import DecodeScore, MeanStd, ProtocolSettings, SwapperScore
from latentfx.training.evaluations.swap.real_clips import Ceiling
from latentfx.training.evaluations.swap.table import PUBLISHED, Comparison

NONE = MeanStd(math.nan, math.nan)


def score(names: tuple[str, ...], rand: bool = True) -> SwapperScore:
    """Numbers that tell where they come from: 1 recon, 2 v-swap, 3 z-swap, 4 rand; 10 the next instrument."""

    def distances(kind: int) -> dict[str, MeanStd]:
        return {name: MeanStd(10 * at + kind, 0.25) for at, name in enumerate(names, 1)}

    decodes = [
        DecodeScore(MeanStd(0.9, 0), MeanStd(0.8, 0), MeanStd(0.7, 0.01), distances(k)) for k in (1, 2, 3)
    ]
    return SwapperScore(*decodes, distances(4) if rand else None)


def comparison(names: tuple[str, ...], rand: bool = True) -> Comparison:
    ceiling = Ceiling(1.0, 0.98, dict.fromkeys(names, 2.5))
    return Comparison({"mine": score(names, rand)}, names, ceiling, ProtocolSettings(), {}, ["a note"])


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_violin_and_trumpet_stand_beside_the_published_rows() -> None:
    head, _, mine, *published = comparison(("trumpet", "violin")).to_markdown().split("\n\n")[0].splitlines()
    found = dict(zip(cells(head), cells(mine), strict=True))
    assert found["model"] == "mine"
    assert found["RPA v / z"] == "0.700 (0.010) / 0.700 (0.010)"
    assert [found[f"FAD trumpet {kind}"] for kind in ("recon", "v-swap", "z-swap", "rand")] == [
        "11.00",
        "12.00 (0.25)",
        "13.00 (0.25)",
        "14.00 (0.25)",
    ]
    assert [cells(line)[0] for line in published] == [f"{name}, published, URMP" for name in PUBLISHED]
    theirs = dict(zip(cells(head), cells(published[1]), strict=True))
    assert theirs["RPA v / z"] == "0.93 / 0.92"
    assert theirs["FAD violin v-swap"] == "3.22 (0.06)"
    assert theirs["FAD trumpet rand"] == "2.12 (0.14)"


def test_other_instruments_have_no_published_rows() -> None:
    assert "published, URMP" not in comparison(("violin", "flute")).to_markdown()


def test_more_instruments_have_a_table_of_distances() -> None:
    shares, distances, notes = comparison(("violin", "trumpet", "oboe")).to_markdown().split("\n\n")
    assert "FAD" not in shares
    assert [cells(line)[:3] for line in distances.splitlines()[2:]] == [
        ["mine", "violin", "11.00"],
        ["mine", "trumpet", "21.00"],
        ["mine", "oboe", "31.00"],
    ]
    assert notes.endswith("- a note")


@pytest.mark.parametrize("rand", [True, False])
def test_what_was_left_out_is_a_dash_and_a_null(rand: bool) -> None:
    found = comparison(("violin", "trumpet"), rand)
    line = found.to_markdown().splitlines()[2]
    assert cells(line).count("-") == (0 if rand else 2)
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (again["scores"]["mine"]["rand"] is None) is not rand
    assert plain({"a": NONE}) == {"a": {"mean": None, "std": None}}
