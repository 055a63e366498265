"""The examples in docstrings give the output that they show."""

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
def test_examples_in_docstrings_give_the_output_shown(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
