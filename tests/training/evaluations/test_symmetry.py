"""The protocol of SPS on models whose answer is known, and on a run of a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from latentfx.cli import app
from latentfx.errors import CheckpointError
from latentfx.methods.sps.config import SPSConfig
from latentfx.methods.sps.model import SPS
from latentfx.training.data.example import Example
from latentfx.training.evaluations.symmetry.evaluation import SYMMETRY
from latentfx.training.evaluations.symmetry.readings import read
from latentfx.training.evaluations.symmetry.scores import SymmetrySettings, score_model, score_yin
from latentfx.training.evaluations.symmetry.sounds import decoded_notes, pitch_by_yin
from latentfx.training.evaluations.symmetry.table import COLUMNS, PUBLISHED, SymmetryTable

RATE, STEP, SOUNDING = 16_000, 2560, 2048


def sine(pitch: float) -> np.ndarray:
    times_s = np.arange(SOUNDING) / RATE
    note = np.zeros(STEP, dtype=np.float32)
    hz = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    note[:SOUNDING] = 0.3 * sum(np.sin(2 * np.pi * k * hz * times_s) / k for k in (1, 2, 3))
    return note


def clip(pitches: list[float], instrument: str = "sine") -> Example:
    audio = np.concatenate([sine(pitch) for pitch in pitches])
    labels = {"pitch": np.array(pitches), "instrument": instrument}
    return Example({"audio": audio}, float(RATE), labels, f"{instrument}-{pitches[0]}")


CLIPS = [clip([start, start + 4.0, start + 7.0, start + 2.0]) for start in (60.0, 63.5, 66.25, 71.0)]


class Knowing(nn.Module):
    """An encoder that looks the pitch up, and a decoder that plays it: z = (pitch - 69) / 10."""

    def __init__(self, model: SPS) -> None:
        super().__init__()
        assert model.images is not None
        pitches = sorted({float(p) for example in CLIPS for p in np.asarray(example.labels["pitch"])})
        self.z = (torch.tensor(pitches) - 69.0) / 10.0
        self.images = torch.stack([model.images(torch.from_numpy(sine(pitch)))[0] for pitch in pitches])
        self.play = lambda z: model.images(torch.from_numpy(sine(10.0 * float(z) + 69.0)))[0]  # type: ignore[misc]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found = torch.cdist(image.flatten(1), self.images.flatten(1)).argmin(1)
        return self.z[found][:, None], torch.zeros(len(image), 1)


class Player(nn.Module):
    def __init__(self, knowing: Knowing) -> None:
        super().__init__()
        self.play = knowing.play

    def forward(self, z: Tensor) -> Tensor:
        return torch.logit(torch.stack([self.play(each) for each in z[:, 0]]).clamp(1e-7, 1 - 1e-7))


def knowing() -> SPS:
    torch.manual_seed(0)
    model = SPS(SPSConfig(prior_units=8)).eval()
    encoder = Knowing(model)
    model.encoder, model.decoder = encoder, Player(encoder)  # type: ignore[assignment]
    return model


def test_a_model_that_knows_pitch_has_straight_maps_both_ways_and_the_best_reconstruction() -> None:
    score = score_model(knowing(), CLIPS, SymmetrySettings(points=12))
    assert score.figures["embedding"] == pytest.approx(1.0, abs=1e-9)
    assert score.figures["embedding_all"] == pytest.approx(1.0, abs=1e-9)
    assert score.figures["synthesis"] > 0.99
    assert score.figures["explained"] > 0.99
    assert not score.failed
    assert score.title == "SPS-VAE, K = 4"


def test_a_decoder_that_ignores_the_code_is_reported_as_failed() -> None:
    model = knowing()
    mean = read(model, CLIPS)
    silent = nn.Module()
    silent.forward = lambda z: torch.full((len(z), 5, 513), -3.0)  # type: ignore[method-assign]
    model.decoder = silent
    score = score_model(model, CLIPS, SymmetrySettings(points=5))
    assert score.failed
    assert score.figures["self"] > mean.mean_error
    table = SymmetryTable({"run": score}, SymmetrySettings(), {})
    assert "1, 1 failed" in table.to_markdown()
    assert "Failed runs: run." in table.to_markdown()
    assert table.to_dict()["scores"]["run"]["failed"] is True


def test_a_perfect_prior_makes_no_error_and_a_free_one_sees_the_given_frames_alone() -> None:
    model = knowing()
    seen: list[list[bool]] = []

    class Perfect(nn.Module):
        def forward(self, z: Tensor, forced: list[bool]) -> Tensor:
            seen.append(forced)
            return z[:, 1:]

    model.prior = Perfect()  # type: ignore[assignment]
    found = read(model, CLIPS)
    assert found.free is not None
    assert found.free.code == 0.0
    assert found.free.image == pytest.approx(found.self_error, rel=0.05)
    assert [True, True, True] in seen


@pytest.mark.parametrize("pitch", [48.0, 60.5, 72.0, 90.25])
def test_yin_hears_a_note_within_a_quarter_tone(pitch: float) -> None:
    assert pitch_by_yin(sine(pitch), RATE) == pytest.approx(pitch, abs=0.25)


def test_decoded_notes_sound_at_the_pitch_of_their_images() -> None:
    sounds = decoded_notes(knowing(), np.array([[-0.9], [0.0], [1.1]]), np.zeros(0))
    assert [len(sound) for sound in sounds] == [SOUNDING] * 3
    assert [pitch_by_yin(sound, RATE) for sound in sounds] == pytest.approx([60.0, 69.0, 80.0], abs=0.3)


def test_yin_on_the_notes_themselves_is_straight() -> None:
    assert score_yin(CLIPS, STEP, RATE) == pytest.approx(1.0, abs=1e-3)


def test_places_of_a_ball_are_read_from_a_code_that_holds_them() -> None:
    torch.manual_seed(0)
    model = SPS(SPSConfig(view="video", image_size=8, content=3, prior_units=4)).eval()
    rng = np.random.default_rng(0)
    places = rng.random((3, 6, 3))
    frames = np.broadcast_to(places[..., None, None], (3, 6, 3, 8, 8)).astype(np.float32)
    model.encoder = nn.Module()
    model.encoder.forward = lambda image: (image.mean((2, 3)), torch.zeros(len(image), 3))  # type: ignore[method-assign]
    examples = [
        Example({"video": frames[i].copy()}, 5.0, dict(zip("xyz", places[i].T, strict=True)), f"ball-{i}")
        for i in range(3)
    ]
    figures = score_model(model, examples, SymmetrySettings()).figures
    assert figures["mean"] == pytest.approx(0.0, abs=1e-9)
    assert "embedding" not in figures


def test_published_rows_name_columns_that_exist_and_have_a_figure_for_each() -> None:
    for rows in PUBLISHED.values():
        for _, columns, text in rows:
            assert len(columns) == len(text.split("|"))
            assert set(columns) <= set(COLUMNS)


def test_another_method_is_refused() -> None:
    from latentfx.training.evaluations.evaluation import Listener, Material, Model, Origin

    material: Any = Material(None, Origin({}, 0))  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="method sps"):
        SYMMETRY.run([Model("a", nn.Linear(1, 1))], material, Path(), SymmetrySettings(), Listener())  # type: ignore[arg-type]


def test_runs_are_trained_and_stand_in_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    runs = []
    try:
        for seed in (0, 1):
            runs.append(str(tmp_path / f"run{seed}"))
            words = ["train", "sps", "--out", runs[-1], "--seed", str(seed), "--threads", "1"]
            changes = ["train.stages={train={steps=2}}", "train.batch_size=2", "method.copies=1"]
            changes += ["data.parts=[{kind='scales',lowest=60,highest=73}]"]
            for change in changes:
                words += ["--set", change]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, result.output
        out = tmp_path / "out"
        words = ["evaluate", *runs, "--out", str(out), "--set", "evaluation.points=4", "--threads", "1"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
    finally:
        torch.set_num_threads(threads)
    text = (out / "evaluation.md").read_text(encoding="utf-8")
    assert "| SPS-VAE, K = 1 | 2" in text
    assert "| SPICE, published |" in text
    kept = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert list(kept["scores"]) == ["run0", "run1"]
    assert (out / "maps.png").stat().st_size > 1000
