"""Methods by name: those of the catalogue, names of before, and code of one's own where it is trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentfx.errors import RecipeError, TrustError
from latentfx.methods.base import Objective
from latentfx.training import catalogue
from latentfx.training.recipes.config import as_table, load_recipe, parse_recipe

OWN = """
from latentfx.methods.base import Objective

class Own(Objective):
    stages = ("all",)

def judge(): ...
"""
RECIPE = """
[recipe]
name = "own"
[method]
name = "own.py:Own"
[evaluation]
name = "own.py:judge"
[train.stages]
all = { steps = 1 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own.toml").write_text(RECIPE)
    return tmp_path


@pytest.mark.parametrize("name", catalogue.METHODS)
def test_every_method_of_the_catalogue_loads(name: str) -> None:
    assert issubclass(catalogue.method(name).load_objective(), Objective)


@pytest.mark.parametrize(("before", "today"), catalogue.RENAMED.items())
def test_a_name_of_before_stands_for_the_same_method(before: str, today: str) -> None:
    assert catalogue.method(before) == catalogue.METHODS[today]
    table = {"recipe": {"name": "x"}, "method": {"name": before}, "train": {"stages": {"a": {"steps": 1}}}}
    assert parse_recipe(table).method_name == today


@pytest.mark.parametrize("name", ["own.py:Own", "os:system", "latentfx.cli:main"])
def test_code_outside_the_catalogue_is_refused_unless_it_is_trusted(name: str, folder: Path) -> None:
    with pytest.raises(TrustError, match=rf"'{name}' is code outside .* Add --trust \(trust=True\)"):
        catalogue.method(name, folder)
    for part in ("plugin", "evaluation"):
        with pytest.raises(TrustError, match=name):
            catalogue.method("swapper", folder, **{part: name})
    assert catalogue.method(name, folder, trust=True).objective == name


def test_what_the_catalogue_itself_names_needs_no_trust() -> None:
    builder = catalogue.METHODS["swapper"].plugin
    assert catalogue.method("dsae", plugin=builder).plugin == builder


def test_trusted_code_that_is_no_method_is_not_called() -> None:
    with pytest.raises(RecipeError, match=r"'os:system' is <built-in .*; allowed is a class derived from"):
        catalogue.method("os:system", trust=True).load_objective()


def test_two_names_in_one_file_are_of_one_module(folder: Path) -> None:
    method = load_recipe(folder / "own.toml", ["plugin.builder=own.py:judge"]).find_method()
    assert method.load_objective().__module__ == method.load_plugin().__module__


def test_what_is_no_evaluation_is_refused_as_one(folder: Path) -> None:
    method = load_recipe(folder / "own.toml").find_method()
    with pytest.raises(RecipeError, match=r"evaluation 'own\.py:judge' is <function judge.*; allowed is an"):
        method.load_evaluation()


def test_a_file_that_changed_is_read_anew(folder: Path) -> None:
    own = catalogue.method("own.py:Own", folder, trust=True)
    assert own.load_objective().stages == ("all",)
    (folder / "own.py").write_text(OWN.replace("all", "new"))
    assert own.load_objective().stages == ("new",)
    assert not (folder / "__pycache__").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py:Own", r"absent\.py cannot be read \(No such file or directory\)"),
        ("own.py:Nothing", r"own\.py has no 'Nothing'"),
        ("nowhere.at_all:Own", r"there is no module 'nowhere'\. A method is one \.py file or an installed"),
        ("broken.py:Own", r"broken\.py cannot be loaded: ZeroDivisionError: division by zero"),
        ("needy.py:Own", r"there is no module 'nonesuch'"),
    ],
)
def test_code_that_cannot_be_loaded_says_why(folder: Path, name: str, message: str) -> None:
    (folder / "broken.py").write_text("1 / 0")
    (folder / "needy.py").write_text("import nonesuch")
    with pytest.raises(RecipeError, match=message):
        catalogue.method(name, folder, trust=True).load_objective()


def test_an_unknown_name_is_told_of_the_way_to_own_code() -> None:
    with pytest.raises(RecipeError, match=r"'swaper' is unknown; did you mean 'swapper'\?.*my_method\.py"):
        catalogue.method("swaper")


def test_a_recipe_read_from_a_file_brings_its_code_and_one_from_a_table_does_not(folder: Path) -> None:
    recipe = load_recipe(folder / "own.toml")
    assert recipe.find_method().load_objective().__name__ == "Own"
    with pytest.raises(TrustError, match=r"own\.py:Own"):
        parse_recipe(as_table(recipe)).find_method()


def test_a_recipe_that_extends_one_in_another_folder_finds_its_code_there(folder: Path) -> None:
    (folder / "below").mkdir()
    child = folder / "below" / "child.toml"
    child.write_text('extends = "../own.toml"\n[recipe]\nname = "child"\n')
    recipe = load_recipe(child)
    assert recipe.find_method().load_objective().__name__ == "Own"
    assert recipe.read_code() == {"own.py": OWN.encode()}


def test_cards_name_code_without_folders(folder: Path) -> None:
    path = folder / "far.toml"
    path.write_text(RECIPE.replace("own.py:Own", f"{folder}/own.py:Own"))
    table = as_table(load_recipe(path))
    assert (table["method"]["name"], table["evaluation"]["name"]) == ("own.py:Own", "own.py:judge")
    assert str(folder) not in str(table)


def test_a_source_of_data_is_code_like_a_method(folder: Path) -> None:
    (folder / "kites.py").write_text("")
    recipe = load_recipe(
        folder / "own.toml", ['data.parts=[{ kind = "./kites.py:Kites" }, { kind = "tones" }]']
    )
    assert recipe.read_code() == {"own.py": OWN.encode(), "kites.py": b""}
    assert as_table(recipe)["data"]["parts"] == [{"kind": "kites.py:Kites"}, {"kind": "tones"}]


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "own.py").write_text(OWN)
    (folder / "own.toml").write_text(RECIPE.replace("own.py:judge", "other/own.py:judge"))
    with pytest.raises(RecipeError, match=r"two files of code are called own\.py"):
        load_recipe(folder / "own.toml").read_code()
