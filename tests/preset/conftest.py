"""A folder for presets that is no user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of its own."""
    folder = tmp_path / "presets"
    monkeypatch.setenv("LATENTFX_PRESETS", str(folder))
    return folder
