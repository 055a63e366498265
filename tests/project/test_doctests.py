"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from import_graph import read_package


def with_examples(root: Path) -> list[str]:
    """Modules whose source shows a prompt."""
    folders = {
        "latentfx": root / "latentfx",
        **{f"latentfx.{n}": root / n for n in ("export", "realtime", "presets")},
    }
    modules = read_package(folders).values()
    return [module.name for module in modules if ">>> " in module.path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", with_examples(Path(__file__).resolve().parents[2]))
def test_the_examples_of_a_module(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
