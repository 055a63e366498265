"""The tiny swapper and its plugin, and a tiny VAE of waveforms."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tiny_swap import exported, quiet, tiny_run

from latentfx.training.recipes.config import load_recipe
from latentfx.training.runs.start import train

__all__ = ["exported", "tiny_run"]

TINY = (
    'data.parts=[{ kind = "waveforms", frequencies = 12, amplitudes = 3, seconds = 0.3 }]',
    "method.mel={ n_fft = 512, n_mels = 16, frames = 8 }",
    "method.z_size=3",
    "train.crop_frames=8",
    "train.batch_size=16",
    "train.stages.train={ steps = 150 }",
    "train.validate_every=150",
)


@pytest.fixture(scope="session")
def waveform_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run on 144 short waveforms."""
    folder = tmp_path_factory.mktemp("syntone") / "run"
    train(load_recipe("syntone-vae", TINY), folder, device="cpu", threads=1, reporter=quiet())
    return folder
