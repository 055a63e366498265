"""A checkpoint gives back the model that was saved, or a clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from toy import FRAME, Toy, ToyConfig, toy_recipe

from latentfx.errors import CheckpointError
from latentfx.training.recipes.config import as_table
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors, save_checkpoint, write_tensors


def save_toy(folder: Path, stage: int = 1) -> Toy:
    toy = Toy(ToyConfig(size=5))
    for index in range(stage + 1):
        toy.begin_stage(index)
    card = {"recipe": as_table(toy_recipe()), "method_config": {"size": 5}, "stage_index": stage}
    save_checkpoint(folder, toy, {**card, "metrics": {"loss": 0.5}, "licence": "CC0-1.0"})
    return toy


def test_a_checkpoint_gives_back_the_model(tmp_path: Path) -> None:
    toy = save_toy(tmp_path)
    loaded, card = load_checkpoint(tmp_path, Toy)
    x = torch.randn(2, 3, FRAME)
    assert torch.equal(loaded.decoder(loaded.encoder(x)), toy.eval().decoder(toy.encoder(x)))
    assert torch.equal(loaded.teacher.weight, toy.teacher.weight)
    assert (card["metrics"], card["licence"]) == ({"loss": 0.5}, "CC0-1.0")
    assert card["versions"]["torch"] == str(torch.__version__)
    assert not loaded.training


def test_the_card_for_people_is_the_card_in_the_file(tmp_path: Path) -> None:
    save_toy(tmp_path)
    header = read_tensors(tmp_path / "weights.safetensors")[1]
    assert json.loads((tmp_path / "card.json").read_text()) == header


def test_a_run_folder_gives_the_best_of_its_last_stage(tmp_path: Path) -> None:
    save_toy(tmp_path / "best-later", stage=1)
    save_toy(tmp_path / "best-zero", stage=0)
    assert load_checkpoint(tmp_path, Toy)[1]["stage_index"] == 1


def test_what_is_not_a_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no weights\.safetensors"):
        load_checkpoint(tmp_path, Toy)
    save_toy(tmp_path)
    weights = tmp_path / "weights.safetensors"
    whole = weights.read_bytes()
    for broken in (b"", b"PK\x03\x04", whole[:-1], whole[: len(whole) // 2], b"\xff" * 8 + whole[8:]):
        weights.write_bytes(broken)
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            load_checkpoint(weights, Toy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "has the schema 99; this latentfx reads 1"),
        ({"revision": 7}, r"^\S+ has the revision 7 of its method, this latentfx 1: .* Train it again"),
        ({"method_config": {"size": 6}}, "does not fit its method"),
        ({"method_config": {"sice": 6}}, "did you mean 'size'"),
        ({"stage_index": 0}, "does not fit its method"),
        ({"stage_index": None}, "does not fit its method"),
    ],
)
def test_a_card_that_does_not_fit_the_weights_is_an_error(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    save_toy(tmp_path)
    file = tmp_path / "weights.safetensors"
    tensors, card = read_tensors(file)
    write_tensors(file, tensors, {**card, **change})
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path, Toy)


def test_a_file_of_ours_that_is_no_model_is_told_from_one(tmp_path: Path) -> None:
    write_tensors(tmp_path / "state.safetensors", {"x": torch.zeros(1)}, {"schema": 1, "settings": {}})
    with pytest.raises(CheckpointError, match=r"is no trained model; give a run folder, or its best-"):
        load_checkpoint(tmp_path / "state.safetensors", Toy)


def test_a_method_that_is_not_ours_must_be_given(tmp_path: Path) -> None:
    save_toy(tmp_path)
    with pytest.raises(CheckpointError, match=r"method\.name 'toy' is unknown"):
        load_checkpoint(tmp_path)


def written_by_hand(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A checkpoint whose card says something else."""
    save_toy(folder)
    tensors, card = read_tensors(folder / "weights.safetensors")
    text = change(card)
    path = folder / "by_hand.safetensors"
    path.write_bytes(safetensors.torch.save(tensors, {"latentfx": text or json.dumps(card)}))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: "[]", "its card is a list; allowed is an object"),
        (lambda card: '{"a": 1, "a": 2}', "a name comes twice in one object"),
        (lambda card: '{"a": 1' + "0" * 400 + "}", "a number has 401 digits; allowed 64"),
        (lambda card: "[" * 100_000, "values lie inside one another more than 16 deep"),
        (lambda card: '{"a": 1e999}', "1e999 is too large for a number"),
        (lambda card: card.update(stage_index=10**9), r"stage is 1000000000; allowed 0 to 1"),
        (lambda card: card.update(stage_index=-1), r"stage is -1; allowed 0 to 1"),
        (lambda card: card.update(stage_index=1e308), r"stage is 1e\+308; allowed 0 to 1"),
        (lambda card: card.update(method_config=[1, 2]), r"\[method\] is \[1, 2\]; it must be a table"),
        (lambda card: card.update(recipe=[]), "does not fit its method: AttributeError"),
    ],
)
def test_card_from_a_stranger_is_one_line_of_error(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = written_by_hand(tmp_path, change)
    method = None if "AttributeError" in message else Toy
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(path, method)
    assert "\n" not in str(error.value)


def test_file_that_is_no_checkpoint_is_told_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(b"RIFF" + bytes(range(256)) * 4)
    with pytest.raises(CheckpointError, match=r"s\.wav is not a checkpoint .*: it is no \.safetensors file"):
        read_tensors(tmp_path / "s.wav")
    with pytest.raises(CheckpointError, match=r"absent is not a checkpoint .*: No such file or directory$"):
        read_tensors(tmp_path / "absent")
