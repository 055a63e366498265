"""Hundreds of crafted files, drawn by a seed, are refused or play without harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loader import Loader
from many import KINDS, many, table, try_all


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    process = Loader()
    yield process
    process.close()


def test_400_crafted_files_are_refused_or_play(loader: Loader) -> None:
    files = list(many(seed=0))
    assert len(files) >= 400
    outcomes = try_all(files, loader)
    print(table(outcomes))  # noqa: T201  # shown by pytest -rP
    assert outcomes.total() == len(files)
    assert all(outcomes[kind, "plays"] == 0 for kind in ("spellings", "bombs", "computed", "loops"))
    assert outcomes["numbers", "plays"] == len(files) // len(KINDS)


def test_a_seed_always_draws_the_same_files() -> None:
    assert list(many(5, 3)) == list(many(5, 3)) != list(many(6, 3))
