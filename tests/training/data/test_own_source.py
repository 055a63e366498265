"""Sources of data of one's own: a class in a file beside the recipe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toy import Toy, toy_recipe

from latentfx.errors import RecipeError, TrustError
from latentfx.training.data import Dataset, load_data
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.start import train

SOURCE = """
from dataclasses import dataclass

import numpy as np

from latentfx.training.data import Example
from latentfx.training.data.source import Made, DataSource


@dataclass(frozen=True)
class Kites(DataSource):
    limits = {"number": (2, 100)}
    by_instrument = False
    number: int = 4

    def make(self, job):
        def kite(index):
            heights = job.rng(str(index)).random(10)
            arrays = {"video": np.zeros((10, 3, 8, 8)), "wind": heights}
            return Example(arrays, 10.0, {"y": heights}, f"kite-{index}")

        made = [kite(index) for index in range(self.number)]
        return Made(made[1:], made[:1], {"licence": {"CC0 1.0": self.number}})


class Other:
    pass
"""


def load(folder: Path | None, root: Path, keep: str = "memory", **part: object) -> Dataset:
    table = {"keep": keep, "parts": [{"kind": "parts/my_source.py:Kites", **part}]}
    return load_data(table, 16000, 3, root, code_folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "my_source.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize("keep", ["memory", "disk"])
def test_recipe_trains_on_a_source_of_its_own_without_instruments(folder: Path, keep: str) -> None:
    data = load(folder, folder, keep, number=3)
    assert [example.source for example in data.train] == ["kite-1", "kite-2"]
    assert len(data.validation) == 1
    assert data.validation[0].arrays["video"].shape == (10, 3, 8, 8)
    assert data.card["licences"] == {"CC0 1.0": 3}
    (part,) = data.card["parts"]  # type: ignore[misc]
    assert part["kind"] == "my_source.py:Kites"
    again = load(folder, folder, number=3).train[1]
    np.testing.assert_array_equal(data.train[1].labels["y"], again.labels["y"])


def test_code_that_nobody_trusts_is_not_run(folder: Path) -> None:
    (folder / "parts" / "my_source.py").write_text("raise SystemExit('ran')")
    with pytest.raises(
        TrustError, match=r"data\.parts\[0\]\.kind 'parts/my_source\.py:Kites' is code outside"
    ):
        load(None, folder)


def test_wrong_setting_of_an_own_source_is_named(folder: Path) -> None:
    with pytest.raises(RecipeError, match=r"data\.parts\[0\]\.number is 1; allowed 2 to 100"):
        load(folder, folder, number=1)
    with pytest.raises(RecipeError, match=r"data\.parts\[0\]\.wind is unknown"):
        load(folder, folder, wind=1)


def test_class_that_is_no_source_is_refused(folder: Path) -> None:
    table = {"parts": [{"kind": "parts/my_source.py:Other"}]}
    with pytest.raises(RecipeError, match="allowed is a frozen dataclass derived from"):
        load_data(table, 16000, 3, folder, code_folder=folder)


SOUNDS = """
from dataclasses import dataclass

import numpy as np

from latentfx.training.data import Example
from latentfx.training.data.source import Made, DataSource


@dataclass(frozen=True)
class Sounds(DataSource):
    limits = {"number": (2, 100)}
    by_instrument = False
    number: int = 4

    def make(self, job):
        noise = job.rng().standard_normal((self.number, 800)).astype(np.float32)
        made = [Example.of_audio(row, job.sample_rate, "", f"{i}") for i, row in enumerate(noise)]
        return Made(made[1:], made[:1])
"""


def test_run_on_an_own_source_keeps_its_code_beside_the_weights(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "sounds.py").write_text(SOUNDS)
    recipe = replace(
        toy_recipe(stages={"alone": {"steps": 20}, "taught": {"steps": 20}}),
        data={"parts": [{"kind": "parts/sounds.py:Sounds"}]},
        folder=tmp_path,
    )
    train(recipe, tmp_path / "run", method=Toy, threads=1, reporter=Reporter(Console(quiet=True)))
    (kept,) = tmp_path.glob("run/best-taught/sounds.py")
    assert kept.read_text() == SOUNDS
    card = json.loads((kept.parent / "card.json").read_text())
    assert card["recipe"]["data"]["parts"] == [{"kind": "sounds.py:Sounds"}]
    data = load_data(card["recipe"]["data"], 8000, 3, code_folder=kept.parent)
    assert len(data.train) == 3
