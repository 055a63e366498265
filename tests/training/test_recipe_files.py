"""Recipes that are built on one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentfx.errors import RecipeError
from latentfx.training.config import load_recipe
from latentfx.training.recipe_files import read_recipe_file

BASE = """
[recipe]
name = "base"
seed = 3
[data]
instruments = ["violin", "trumpet"]
[method]
name = "mel_jdsae"
[train]
lr = 1e-3
stages = { timbre = { steps = 5 }, pitch = { steps = 7 } }
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_what_a_recipe_says_is_laid_over_what_it_extends(tmp_path: Path) -> None:
    written(tmp_path, "base", BASE)
    own = 'extends = "base.toml"\n[recipe]\nname = "own"\n[data]\ninstruments = ["cello"]\n'
    path = written(tmp_path, "own", own + "[train.stages.pitch]\nsteps = 9\n")
    recipe = load_recipe(path, ["train.lr=0.5"])
    assert (recipe.recipe.name, recipe.recipe.seed, recipe.train.lr) == ("own", 3, 0.5)
    assert recipe.data["instruments"] == ["cello"]
    assert [stage.steps for stage in recipe.train.stages.values()] == [5, 9]


def test_a_shipped_recipe_can_be_extended_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, "mine", 'extends = "j-dsae"\n[train]\nlr = 0.25\n')
    assert read_recipe_file(str(path))["method"] == read_recipe_file("j-dsae")["method"]
    assert load_recipe(path).train.lr == 0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "own.toml"', r"in a circle: .*own\.toml -> .*own\.toml"),
        ('extends = "absent.toml"', r"absent\.toml cannot be read"),
        ('extends = "nonesuch"', "recipe 'nonesuch' is unknown"),
        ("extends = 4", r"extends in recipe .* is 4; allowed is the name of a recipe"),
    ],
)
def test_a_recipe_that_extends_nothing_that_there_is(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(tmp_path, "own", text))
