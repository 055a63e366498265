"""`latentfx evaluate`, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from latentfx.cli import app
from latentfx.cli.bar import Lines
from latentfx.cli.models import open_model
from latentfx.library import load
from latentfx.training.evaluations.swap.plugin_swapper import PluginSwapper
from latentfx.training.evaluations.swap.swapper import Codes


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, ["evaluate", *(str(word) for word in words)])


def test_a_run_and_a_plugin_stand_in_one_table(tiny_run: Path, tmp_path: Path) -> None:
    words = (tiny_run, "timbre-swap", "--clips", 2, "--pairings", 1, "--partners", "other", "--threads", 1)
    result = run(*words, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert list(kept["scores"]) == ["run", "timbre-swap"]
    assert kept["facts"]["clips"] == {"violin": 2, "flute": 2, "clarinet": 2}
    assert (kept["settings"]["partners"], kept["settings"]["pairings"]) == ("other", 1)
    assert kept["scores"]["run"]["rand"] is not None
    assert kept["scores"]["timbre-swap"]["rand"] is None
    assert kept["scores"]["timbre-swap"]["recon"]["pitch_accuracy"]["mean"] > 0.8
    text = (tmp_path / "evaluation.md").read_text(encoding="utf-8")
    assert text.strip() in result.stdout
    assert "- timbre-swap: a plugin; v is what it learns from a recording" in text
    assert "- timbre-swap: trained on other data" in text
    assert "- run: trained" not in text
    assert "- 6 of the clips are other tunes on notes that training has heard" in text
    assert {file.name for file in tmp_path.glob("*.png")} == {"run.png", "timbre-swap.png"}


def test_weights_of_an_early_stage_are_told_from_those_of_the_last(tiny_run: Path) -> None:
    early, last = (open_model(str(tiny_run / f"best-{stage}")) for stage in ("timbre", "level"))
    assert early.notes == ("these are weights of stage 'timbre'; its training ends with stage 'level'.",)
    assert last.notes == ()


def test_a_plugin_plays_the_line_of_one_clip_with_the_timbre_of_another() -> None:
    swapper, plugin = PluginSwapper(load("timbre-swap")), load("timbre-swap")
    times = np.arange(24_000) / 48_000
    one, other = (0.2 * wave(2 * np.pi * 300 * times).astype(np.float32) for wave in (np.sin, _saw))
    a, b = swapper.encode(one), swapper.encode(other)
    assert (swapper.sample_rate, swapper.v_size, a.v.shape) == (48_000, 16, (16,))
    swapped = swapper.audio(Codes(a.z, b.v))
    plugin.learn("timbre", other, 48_000)
    np.testing.assert_array_equal(swapped, plugin(one, 48_000))
    assert np.abs(swapped - swapper.audio(a)).max() > 0.01
    assert swapper.log_mel(a).shape == (1 + 8000 // 256, 80)


def _saw(phase: np.ndarray) -> np.ndarray:
    return phase / np.pi % 2 - 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is no model 'nowhere'; give a run folder"),
        (["{run}/curves.csv"], "is not a checkpoint of latentfx"),
        (["{run}/state.safetensors"], "is no trained model; give a run folder"),
        (["ring"], "no evaluation judges ring; methods with one: dsae, ts-dsae, j-dsae, swapper"),
        (["{run}", "ring"], "plugin 'ring' has no timbres to exchange"),
        (["{run}", "--evaluation", "ring"], "method.name 'ring' is unknown"),
        (["{run}", "--evaluation", "pitch-ring"], "no evaluation judges the method pitch-ring"),
        (["{run}", "--evaluation", "os:system"], "evaluation 'os:system' is <built-in function system>"),
        (["{run}", "--clips", "1"], "setting evaluation.clips is 1; allowed 2 or more"),
        (["{run}", "--set", "evaluation.clip=8"], "evaluation.clip is unknown; did you mean 'clips'?"),
        (["timbre-swap", "--data", "nowhere"], "there is no nowhere/real; relative paths count from --data"),
        (["{run}", "--set", "train.lr=1"], "allowed are data.KEY=VALUE and evaluation.KEY=VALUE"),
        (["{run}", "--set", 'data.instruments=["violin"]'], "two instruments or more"),
        (["{run}", "--set", "data.validaton=0.2"], "setting data.validaton is unknown"),
        (["{run}", "--recipe", "absent"], "recipe 'absent' is unknown"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(
    words: list[str], message: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*(word.format(run=tiny_run) for word in words))
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_progress_is_lines_where_the_output_is_redirected(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines("swaps", every_s=0.0) as often, Lines("judge", every_s=3600.0) as seldom:
        often.show(1, 4)
        seldom.show(1, 4)
        often.show(4, 4)
    assert capsys.readouterr().err.splitlines() == ["swaps: 1 of 4 (25 %)", "swaps: 4 of 4 (100 %)"]
