"""`latentfx evaluate` scores codes of any model whose data has labels, and says how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from latentfx.cli import app
from latentfx.errors import DataError
from latentfx.training.data.example import Example, Note
from latentfx.training.evaluations.disentanglement.codes import Code
from latentfx.training.evaluations.disentanglement.factors import as_columns, labels_of, rows_of
from latentfx.training.evaluations.disentanglement.scores import DisentanglementSettings, score_space
from latentfx.training.metrics.disentanglement import all_scores

QUICK = ("--set", "evaluation.draws=3", "--set", "evaluation.dci_draws=2", "--set", "evaluation.dci_trees=5")


def evaluate(*words: object) -> Result:
    options = [str(word) for word in (*words, *QUICK, "--threads", 1)]
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["evaluate", *options])


def kept(folder: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def table(waveform_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("scores")
    return out, evaluate(waveform_run, "--out", out)


def test_a_run_is_scored_on_its_whole_grid_in_both_protocols(table: tuple[Path, Result]) -> None:
    out, result = table
    assert result.exit_code == 0, result.output
    score = kept(out)["models"]["run"]["z"]
    assert (score["rows"], score["dimensions"]) == (144, 3)
    assert score["factors"] == ["waveform", "amplitude", "frequency"]
    assert score["orders"] == {"waveform": ["sine", "triangle", "sawtooth", "square"]}
    assert score["drawn"]
    assert score["published"]["mig"]["std"] > 0.0
    for name, found in score["corrected"].items():
        assert 0.0 <= found["value"] <= 1.0, name
        assert found["low"] <= found["high"], name
    assert np.array(score["information"]["mutual"]).shape == (3, 3)


def test_the_page_has_the_published_rows_and_says_what_scores_mean(table: tuple[Path, Result]) -> None:
    out, result = table
    page = (out / "evaluation.md").read_text(encoding="utf-8")
    assert page.strip() in result.stdout
    assert "| Factor-VAE, published | - | 0.118 | 0.035 | 0.003 | 0.126 | 0.762 (0.014) |" in page
    assert "factors and codes exchanged" in page
    assert "| SAP | R2 of a straight line from code to factor; a class counts as its number |" in page
    assert (out / "run.png").stat().st_size > 5000


def test_the_same_command_gives_the_same_table(table: tuple[Path, Result], waveform_run: Path) -> None:
    out, _ = table
    again = evaluate(waveform_run, "--out", out.parent / "again")
    assert again.exit_code == 0
    assert kept(out.parent / "again") == kept(out)


def test_a_method_with_several_codes_is_scored_space_by_space(tiny_run: Path, tmp_path: Path) -> None:
    result = evaluate(
        tiny_run, "--evaluation", "syntone", "--out", tmp_path, "--set", "evaluation.examples=24"
    )
    assert result.exit_code == 0, result.output
    spaces = kept(tmp_path)["models"]["run"]
    assert len(spaces) >= 2
    assert {"instrument", "pitch"} <= set().union(*(score["factors"] for score in spaces.values()))
    assert "published |" not in (tmp_path / "evaluation.md").read_text(encoding="utf-8")


def test_a_plugin_file_is_scored_through_its_encoder(exported: tuple[Path, str], tmp_path: Path) -> None:
    file, _ = exported
    words = ("--evaluation", "syntone", "--out", tmp_path, "--set", "evaluation.examples=16")
    waves = 'data.parts=[{ kind = "waveforms", frequencies = 4, amplitudes = 1, seconds = 0.5 }]'
    result = evaluate(file, *words, "--recipe", "syntone-vae", "--set", waves)
    assert result.exit_code == 0, result.output
    spaces = kept(tmp_path)["models"]["tiny"]
    assert {"z", "v"} <= spaces.keys()
    assert spaces["v"]["constant"] == ["amplitude"]
    assert spaces["v"]["rows"] == 16
    assert "it has no posteriors" in (tmp_path / "evaluation.md").read_text(encoding="utf-8")


def test_corrected_scores_are_those_of_the_metrics_and_published_ones_exchange_the_two() -> None:
    rng = np.random.default_rng(0)
    rows = [{"a": float(rng.integers(40)), "b": float(rng.integers(5))} for _ in range(300)]
    factors = as_columns(rows)
    means = np.column_stack([factors.values[:, 0] + rng.normal(size=300), rng.normal(size=300)])
    settings = DisentanglementSettings(draws=2, dci_draws=1, dci_trees=2)
    found = score_space(factors, [Code(mean) for mean in means], settings)
    assert factors.bins(10) == [10, None]
    expected = all_scores(factors.values, means, 10, [10, None])
    assert {name: found.corrected[name].value for name in expected} == pytest.approx(expected)
    exchanged = all_scores(means, factors.values, 10, 10)
    assert {name: found.published[name].mean for name in exchanged} == pytest.approx(exchanged)


def test_names_are_numbered_by_the_alphabet_and_waveforms_as_their_source_numbers_them() -> None:
    rows = [
        {"waveform": "square", "instrument": "violin", "rate": 1.0},
        {"waveform": "sine", "instrument": "flute", "rate": 1.0},
    ]
    factors = as_columns(rows)
    assert factors.names == ("waveform", "instrument")
    assert factors.values.tolist() == [[3.0, 1.0], [0.0, 0.0]]
    assert factors.constant == ("rate",)
    with pytest.raises(DataError, match="no label that all 2 rows have changes"):
        as_columns([{"a": 1.0}, {"a": 1.0}])


def test_a_code_a_frame_has_the_pitch_of_its_frame_and_no_row_where_nothing_sounds() -> None:
    notes = (Note(0.0, 0.4, 60.0), Note(0.6, 1.0, 72.0))
    example = Example.of_audio(np.zeros(1000, np.float32), 1000, "flute", "made", notes)
    code = np.arange(10.0)[:, None]
    rows, codes = rows_of(labels_of(example), code, frames=10)
    assert [row["pitch"] for row in rows] == [60.0] * 4 + [72.0] * 4
    assert [int(value[0]) for value in codes] == [0, 1, 2, 3, 6, 7, 8, 9]
    assert {row["instrument"] for row in rows} == {"flute"}


def test_a_code_a_frame_under_labels_of_the_whole_example_counts_as_its_mean() -> None:
    rows, codes = rows_of({"amplitude": 0.5}, np.array([[1.0], [3.0]]), frames=8)
    assert rows == [{"amplitude": 0.5}]
    assert codes[0].tolist() == [2.0]


@pytest.mark.parametrize(
    ("setting", "message"),
    [("evaluation.bins=1", "allowed 2 or more"), ("evaluation.protocol=swapped", "'swapped'")],
)
def test_a_wrong_setting_is_named(waveform_run: Path, setting: str, message: str) -> None:
    result = evaluate(waveform_run, "--set", setting)
    assert result.exit_code != 0
    assert message in " ".join(str(result.output).split()) + str(result.exception)
