"""The tiny swapper, for every test here, and one thread for trainings in small steps."""

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest
from tiny_swap import exported, tiny_run, trained

from latentfx.export.checks.timing import torch_threads

__all__ = ["exported", "tiny_run", "trained"]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Steps are too small to share: on a busy machine two threads wait for each other."""
    with torch_threads(1):
        yield
