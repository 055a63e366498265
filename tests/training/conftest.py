"""The toy method of `toy.py` and the tiny models, for every test here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from tiny_swap import tiny_run, trained

__all__ = ["tiny_run", "trained"]


@pytest.fixture(autouse=True)
def one_thread():
    """Bit-exact results need one number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
