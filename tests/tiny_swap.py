"""The recipe `timbre-swap-tones`, made so small that it trains in seconds; and what comes out, made once."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from rich.console import Console

from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.model import Swapper
from latentfx.training.recipes.config import Recipe, load_recipe
from latentfx.training.recipes.settings import read_settings
from latentfx.training.runs.checkpoint import load_checkpoint
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.start import train

INSTRUMENTS = ("violin", "flute", "clarinet")
SIZES = {
    "recipe.seed": 3,
    "data.instruments": list(INSTRUMENTS),
    "data.validation": 0.2,
    "data.parts": '[{ kind = "tones", seconds_per_instrument = 16, segment_seconds = 1, reverb = 0, '
    "noise = 0 }]",
    "method.instruments": list(INSTRUMENTS),
    "method.spectral": "{ sample_rate = 16000, hop_length = 128, n_fft = 512, analysis_length = 1024, "
    "analysis_fall = 320, bins_per_octave = 24, n_pitch = 144, pitch_margin = 24, f_min_hz = 110 }",
    "method.naming_weight": 1.0,
    "method.v_size": 4,
    "method.z_size": 8,
    "method.global_hidden": [32, 16],
    "method.local_hidden": [16],
    "method.decoder_hidden": [64],
    "method.prior_hidden": 8,
    "method.n_pitch_combs": 96,
    "train.batch_size": 12,
    "train.crop_frames": 16,
    "train.lr": 3e-3,
    "train.schedule": "constant",
    "train.warmup_steps": 0,
    "train.ema": 0,
    "train.stages.timbre.steps": 100,
    "train.stages.pitch.steps": 120,
    "train.stages.level.steps": 40,
    "train.validate_every": 40,
}


def tiny_recipe(**changes: object) -> Recipe:
    """The recipe at test size; `train_lr=...` changes `train.lr`."""
    settings = SIZES | {name.replace("_", ".", 1): value for name, value in changes.items()}
    return load_recipe("timbre-swap-tones", [f"{key}={value}" for key, value in settings.items()])


def tiny_config(**changes: Any) -> SwapperConfig:
    """The method's settings at test size."""
    return read_settings(SwapperConfig, tiny_recipe().method_settings | changes, "method")


def tiny_model(seed: int = 0, **changes: Any) -> Swapper:
    """A fresh model."""
    torch.manual_seed(seed)
    return Swapper(tiny_config(**changes))


def quiet() -> Reporter:
    """A reporter that says nothing."""
    return Reporter(Console(quiet=True))


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tiny-swap-")


@functools.cache
def _trained() -> Path:
    folder = Path(_folder().name) / "run"
    train(tiny_recipe(), folder, device="cpu", threads=1, reporter=quiet())
    return folder


@pytest.fixture(scope="session")
def tiny_run() -> Path:
    """The folder of a finished run; one for the whole session."""
    return _trained()


@pytest.fixture(scope="session")
def trained(tiny_run: Path) -> Swapper:
    """The model of that run."""
    return cast(Swapper, load_checkpoint(tiny_run)[0])


@functools.cache
def _exported() -> tuple[Path, str]:
    from typer.testing import CliRunner

    from latentfx.cli import app

    target = Path(_folder().name) / "tiny.onnx"
    words = ["export", str(_trained()), str(target), "--name", "tiny", "--default", "flute"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return target, result.stdout


@pytest.fixture(scope="session")
def exported() -> tuple[Path, str]:
    """The plugin file that `latentfx export` makes of that run, and what it printed; made once."""
    return _exported()
