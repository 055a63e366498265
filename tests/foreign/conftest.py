"""Models in the form of RAVE, as files; every test here may import `toy_rave` from the folder above."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from latentfx.arrays import Float32
from latentfx.host.runtime import LatentPlugin
from latentfx.library import load

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_rave import RATE, ToyRave, toy_file


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mono toy."""
    return toy_file(tmp_path_factory.mktemp("toys") / "toy.ts")


@pytest.fixture(scope="session")
def stereo_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy with two channels in and out."""
    return toy_file(tmp_path_factory.mktemp("toys") / "stereo.ts", lambda: ToyRave(channels=2))


@pytest.fixture
def toy(toy_path: Path) -> LatentPlugin:
    """The mono toy, loaded."""
    return load(toy_path, trust=True)


@pytest.fixture(scope="session")
def notes() -> Float32:
    """Half a second of three notes at the toy's rate, in soft and loud parts."""
    t = np.arange(RATE // 2) / RATE
    swell = 0.2 + 0.1 * np.sin(2 * np.pi * 9 * t)
    return (swell * sum(np.sin(2 * np.pi * f0 * t) for f0 in (220.0, 441.0, 1330.0))).astype(np.float32)
