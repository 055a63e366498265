"""Code outside the catalogue: trained when the user names its recipe, opened only with trust."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from own_method import RAN, write_own_method
from tiny_swap import quiet
from toy import toy_clips

from latentfx.errors import CheckpointError, RecipeError, TrustError
from latentfx.training.recipes.config import load_recipe, parse_recipe
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors, write_tensors
from latentfx.training.runs.start import train


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of an own method; the folder that the method lies in is gone."""
    home = tmp_path / "home"
    home.mkdir()
    recipe = load_recipe(write_own_method(home))
    train(recipe, tmp_path / "run", device="cpu", threads=1, reporter=quiet())
    shutil.rmtree(home)
    return tmp_path / "run"


def test_it_trains_and_goes_on_from_its_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(write_own_method(tmp_path))
    first = train(recipe, tmp_path / "run", limit_s=0, device="cpu", threads=1, reporter=quiet())
    assert first.step < 4
    assert train(recipe, tmp_path / "run", device="cpu", threads=1, reporter=quiet()).step == 4


@pytest.mark.parametrize("setting", ["plugin.builder=tiny.py:bild", "evaluation.name=tiny.py:EROR"])
def test_a_wrong_name_of_a_builder_or_an_evaluation_is_told_before_training(
    tmp_path: Path, setting: str
) -> None:
    recipe = load_recipe(write_own_method(tmp_path), [setting])
    with pytest.raises(RecipeError, match=rf"tiny\.py has no '{setting.rpartition(':')[2]}'"):
        train(recipe, tmp_path / "run", device="cpu", threads=1, reporter=quiet())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["", "best-all", "best-all/weights.safetensors"])
def test_a_run_carries_its_code_and_opens_with_trust(run: Path, part: str) -> None:
    objective, card = load_checkpoint(run / part, trust=True)
    assert type(objective).__name__ == "Tiny"
    assert card["recipe"]["method"]["name"] == "tiny.py:Tiny"


def test_a_run_does_not_open_without_trust_and_nothing_of_it_runs(run: Path) -> None:
    with pytest.raises(
        TrustError, match=r"'tiny\.py:Tiny', .* is code outside .* Add --trust \(trust=True\)"
    ):
        load_checkpoint(run)
    assert not list(run.rglob(RAN))


def test_a_card_names_no_folder_of_the_machine(run: Path) -> None:
    assert str(run.parent) not in (run / "best-all" / "card.json").read_text()


def test_a_run_whose_code_is_gone_says_where_to_put_it(run: Path) -> None:
    (run / "best-all" / "tiny.py").unlink()
    with pytest.raises(CheckpointError, match=r"best-all/tiny\.py cannot be read .* put the file there"):
        load_checkpoint(run, trust=True)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", ["os:system", "shutil:rmtree"])
def test_a_checkpoint_with_a_function_for_a_method_calls_nothing(
    run: Path, name: str, trust: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = run / "best-all" / "weights.safetensors"
    tensors, card = read_tensors(file)
    card["recipe"]["method"]["name"] = name
    write_tensors(file, tensors, card)

    def called(*args: object) -> None:
        raise AssertionError(args)

    module, _, attribute = name.partition(":")
    monkeypatch.setattr(f"{module}.{attribute}", called)
    with pytest.raises(CheckpointError if trust else TrustError, match=name):
        load_checkpoint(run, trust=trust)


def test_a_builder_or_an_evaluation_in_a_card_is_refused_as_a_method_is(run: Path) -> None:
    file = run / "best-all" / "weights.safetensors"
    tensors, card = read_tensors(file)
    for section, key in (("plugin", "builder"), ("evaluation", "name")):
        recipe = {**card["recipe"], "method": {"name": "swapper"}, section: {key: "os:system"}}
        write_tensors(file, tensors, {**card, "recipe": recipe})
        with pytest.raises(TrustError, match="os:system"):
            load_checkpoint(run)


def test_a_recipe_out_of_a_card_does_not_train_unasked(run: Path) -> None:
    recipe = parse_recipe(read_tensors(run / "best-all" / "weights.safetensors")[1]["recipe"])
    with pytest.raises(TrustError):
        train(recipe, run.parent / "again", clips=toy_clips(), device="cpu", reporter=quiet())
