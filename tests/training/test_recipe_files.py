"""Recipes that are built on one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latentfx.errors import RecipeError
from latentfx.training import catalogue
from latentfx.training.recipes.config import load_recipe
from latentfx.training.recipes.files import read_recipe_file
from latentfx.training.recipes.settings import read_settings

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


def test_j_dsae_published_has_the_published_schedule() -> None:
    """512 clips are 4 steps of 128 an epoch; 300 epochs without a better validation end a stage."""
    recipe, short = load_recipe("j-dsae-published"), load_recipe("j-dsae")
    assert (recipe.data, recipe.method_settings) == (short.data, short.method_settings)
    train = recipe.train
    assert (train.batch_size, train.crop_frames, train.lr, train.schedule) == (128, 251, 1e-3, "constant")
    assert [stage.epochs for stage in train.stages.values()] == [300, 3700]
    assert train.patience * train.validate_every == 300 * 4
    assert (train.gradient_clip, train.weight_decay, train.warmup_steps, train.ema) == (0, 0, 0, 0)


@pytest.mark.parametrize(("name", "base"), [("dsae", "j-dsae"), ("j-dsae", "j-dsae"), ("ts-dsae", "ts-dsae")])
@pytest.mark.parametrize("ar", ["", "-ar"])
def test_each_model_of_the_family_has_the_published_networks(name: str, base: str, ar: str) -> None:
    one_stage = ["method.name=dsae", "train.stages={ train = { epochs = 430 } }"]
    recipe = load_recipe(base + ar, one_stage if name == "dsae" else ())
    assert recipe.method_name == name
    method = catalogue.method(recipe.method_name).load_objective()
    config: Any = read_settings(method.config_type, recipe.method_settings, "method")
    assert tuple(recipe.train.stages) == method.stages
    mel = config.mel
    assert (mel.sample_rate, mel.n_fft, mel.hop_length, mel.n_mels) == (16_000, 2048, 256, 80)
    assert (config.v_size, config.z_size, config.prior_hidden) == (16, 32, 32)
    assert config.global_hidden == config.local_hidden == config.decoder_hidden == (64, 64)
    assert config.decoder == ("autoregressive" if ar else "factorised")


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
