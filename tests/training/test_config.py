"""A wrong recipe is an error that names the key and the cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latentfx.errors import RecipeError
from latentfx.training import catalogue
from latentfx.training.recipes.config import load_recipe, parse_recipe
from latentfx.training.recipes.files import shipped_recipes

GOOD: dict[str, Any] = {
    "recipe": {"name": "toy", "seed": 1},
    "method": {"name": "swapper", "size": 4},
    "train": {"stages": {"one": {"steps": 10}, "two": {"epochs": 2, "lr": 1e-4}}, "lr": 0.01},
    "data": {"instruments": ["violin"], "parts": [{"kind": "tones"}]},
}
TOML = """
[recipe]
name = "toy"
[method]
name = "swapper"
[train]
lr = 0.01
stages = { one = { steps = 10 } }
[[data.parts]]
kind = "tones"
reverb = 0.2
"""


def changed(section: str, **values: Any) -> dict[str, Any]:
    return {**GOOD, section: {**GOOD[section], **values}}


def test_a_recipe_is_read_with_its_defaults() -> None:
    recipe = parse_recipe(GOOD)
    assert recipe.train.stages["two"].lr == 1e-4
    assert list(recipe.train.stages) == ["one", "two"]
    assert (recipe.method_name, recipe.method_settings) == ("swapper", {"size": 4})
    assert (recipe.train.batch_size, recipe.train.gradient_clip) == (32, 1.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (changed("train", batchsize=4), r"batchsize is unknown; did you mean 'batch_size'\? allowed: stages"),
        (changed("recipe", sede=4), r"recipe\.sede is unknown; did you mean 'seed'\?"),
        ({**GOOD, "trian": {}}, r"section \[trian\] is unknown; did you mean 'train'\?"),
        (changed("train", lr="fast"), r"train\.lr is 'fast'; it must be a finite number"),
        (changed("train", lr=float("nan")), r"train\.lr is nan; it must be a finite number"),
        (changed("train", lr=-1), r"train\.lr is -1\.0; allowed 0 to 10"),
        (changed("train", lr=1e9), r"train\.lr is 1000000000\.0; allowed 0 to 10"),
        (changed("train", stages={"one": {"steps": 1, "lr": -1}}), r"NAME\.lr is -1\.0; allowed 0 to 10"),
        (changed("train", batch_size=10**8), r"batch_size is 100000000; allowed 1 to 100000"),
        (changed("recipe", seed=-1), r"recipe\.seed is -1; allowed 0 to 4294967295"),
        (changed("recipe", seed=10**20), r"recipe\.seed is 100000000000000000000; allowed 0 to"),
        (changed("recipe", name=""), r"recipe\.name is ''; allowed are letters"),
        (changed("recipe", name="../x"), r"recipe\.name is '\.\./x'; allowed are letters"),
        (changed("recipe", name="/etc/x"), r"recipe\.name is '/etc/x'; allowed are letters"),
        (changed("train", batch_size=True), r"train\.batch_size is True; it must be a whole number"),
        (changed("train", batch_size=2.5), r"train\.batch_size is 2\.5; it must be a whole number"),
        (changed("train", batch_size=0), r"train\.batch_size is 0; allowed 1 to 100000"),
        (changed("train", ema=1.0), r"train\.ema is 1\.0; allowed 0 to"),
        (changed("train", schedule="linear"), r"'linear'; it must be one of 'constant', 'cosine'"),
        (changed("train", stages=3), r"train\.stages is 3; it must be a table"),
        (changed("train", stages={"one": 3}), r"train\.stages\.one\] is 3; it must be a table"),
        (changed("train", stages={"one": {}}), "a stage needs either epochs or steps"),
        (changed("train", stages={"one": {"epochs": 1, "steps": 1}}), "a stage needs either epochs or steps"),
        (changed("train", stages={"one": {"step": 1}}), r"one\.step is unknown; did you mean 'steps'"),
        ({**GOOD, "recipe": {}}, r"recipe\.name is missing; add it to \[recipe\] \(a text\)"),
        ({**GOOD, "train": {}}, r"train\.stages is missing"),
        ({**GOOD, "train": 1}, r"\[train\] is 1; it must be a table"),
        ({**GOOD, "method": {}}, r"method\.name is missing; allowed: .*\bswapper"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(table: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(table)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(RecipeError, match=r"method\.name 'swaper' is unknown; did you mean 'swapper'\?"):
        catalogue.method("swaper").load_objective()


def test_overrides_change_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(TOML)
    changes = ["train.lr=3e-4", "recipe.seed = 7", "train.stages.one.steps=5"]
    recipe = load_recipe(path, [*changes, "recipe.notes=quick run", "method.size=[1, 2]"])
    assert (recipe.train.lr, recipe.recipe.seed, recipe.train.stages["one"].steps) == (3e-4, 7, 5)
    assert recipe.recipe.notes == "quick run"
    assert recipe.method_settings == {"size": [1, 2]}


def test_items_of_lists_are_changed_replaced_and_appended(tmp_path: Path) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(TOML)

    def parts(*changes: str) -> Any:
        return load_recipe(path, changes).data["parts"]

    assert parts("data.parts[0].seconds_per_instrument=20") == [
        {"kind": "tones", "reverb": 0.2, "seconds_per_instrument": 20}
    ]
    assert parts('data.parts=[{kind="notes"}]') == [{"kind": "notes"}]
    assert parts('data.parts[]={kind="notes"}', "data.parts[-1].root=real", "data.parts[0].reverb=0") == [
        {"kind": "tones", "reverb": 0},
        {"kind": "notes", "root": "real"},
    ]
    assert load_recipe(path, ["data.more[].x=1", "data.more[].x=2"]).data["more"] == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.lr", "not SECTION.KEY=VALUE"),
        ("lr=1", "not SECTION.KEY=VALUE"),
        ("train.lr.x=1", "lr is a value, not a table"),
        ("data.parts[2].kind=tones", r"the list has 1 items, \[0\] to \[0\]; \[\] appends one"),
        ("data.parts.kind=tones", r"kind is a key, but a list is there; name an item, such as \[0\]"),
        ("train.stages[0]=1", r"\[0\] is an item, but no list is there"),
        ("train.stages[]=1", r"\[\] is an item, but no list is there"),
        ("data.parts[x]=1", "not SECTION.KEY=VALUE"),
        ("train.learning_rate=1", r"train\.learning_rate is unknown"),
    ],
)
def test_a_wrong_override_is_an_error(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(TOML)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, [override])


def test_a_recipe_that_is_not_there_or_not_toml_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"cannot be read: .*No such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match=r"recipe 'nonesuch' is unknown.*path of a \.toml file"):
        load_recipe("nonesuch")
    (tmp_path / "bad.toml").write_text("[recipe\n")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_recipe(tmp_path / "bad.toml")


def test_every_shipped_recipe_fits_its_method() -> None:
    from latentfx.training.recipes.settings import read_settings

    for name in shipped_recipes():
        recipe = load_recipe(name)
        method = catalogue.method(recipe.method_name).load_objective()
        read_settings(method.config_type, recipe.method_settings, "method")
        assert tuple(recipe.train.stages) == tuple(method.stages)
        assert recipe.recipe.name == name
