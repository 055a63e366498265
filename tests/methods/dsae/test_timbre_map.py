"""The map of timbres: what the teacher decodes on a grid of v."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tiny_mel import BANDS, SIZES
from tiny_swap import quiet

from latentfx.training.recipes.config import Recipe, load_recipe
from latentfx.training.runs.start import train

PARTS = '[{ kind = "tones", seconds_per_instrument = 4, segment_seconds = 1, reverb = 0, noise = 0 }]'


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, root: Path) -> ModuleType:
    monkeypatch.syspath_prepend(root / "examples" / "benchmarks")
    return importlib.import_module("timbre_map")


def recipe(v_size: int) -> Recipe:
    """The shipped recipe at test size, on generated tones."""
    sizes = {f"method.{key}": value for key, value in SIZES.items() if key != "mel"}
    mel = ", ".join(f"{key} = {value}" for key, value in SIZES["mel"].items())  # type: ignore[attr-defined]
    settings = {
        **sizes,
        "method.mel": f"{{ {mel} }}",
        "method.v_size": v_size,
        "data.parts": PARTS,
        "data.validation": 0.25,
        "train.crop_frames": 40,
        "train.batch_size": 4,
        "train.stages.timbre.epochs": 3,
        "train.stages.pitch.epochs": 1,
    }
    return load_recipe("j-dsae", [f"{key}={value}" for key, value in settings.items()])


@pytest.mark.usefixtures("one_thread")
def test_the_map_is_what_the_teacher_decodes(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(recipe(2), tmp_path / "run", device="cpu", threads=1, reporter=quiet())
    picture = tmp_path / "map.png"
    words = ["timbre_map.py", str(tmp_path / "run"), "--data", str(tmp_path), "--picture", str(picture)]
    monkeypatch.setattr(sys, "argv", words)
    assert program.main() == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:4]] == ["| violin", "| trumpet"]

    objective, _ = program.load_checkpoint(tmp_path / "run")
    first, _ = program.load_checkpoint(tmp_path / "run" / "best-timbre")
    spectra = program.decode_grid(objective)
    assert spectra.shape == (3, 3, BANDS)
    corner = objective.teacher.decoder(torch.zeros(1, 1, 4), torch.tensor([[-3.0, 3.0]]))[0, 0]
    torch.testing.assert_close(torch.from_numpy(spectra[0, 0]), corner.detach())
    # Of the first stage's checkpoint, the model itself is the teacher to be.
    torch.testing.assert_close(program.decode_grid(first), spectra)


@pytest.mark.usefixtures("one_thread")
def test_a_model_without_a_plane_is_refused(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(recipe(3), tmp_path / "run", device="cpu", threads=1, reporter=quiet())
    monkeypatch.setattr(sys, "argv", ["timbre_map.py", str(tmp_path / "run")])
    assert program.main() == 1
    assert "--set method.v_size=2" in capsys.readouterr().err
