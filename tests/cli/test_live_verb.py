"""`latentfx live`, as far as it goes without a sound card."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentfx.cli import app


@pytest.mark.parametrize("there", [["take.flac"], ["take-dry.flac"], ["take.flac", "take-dry.flac"]])
def test_a_take_is_not_recorded_over_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in there:
        Path(name).write_bytes(b"a take")
    words = ["live", "--record", "take.flac", "--input", "no such device"]
    refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{' and '.join(there)} would be recorded over" in refused.stderr
    assert "choose another name for --record, or add --overwrite" in refused.stderr
    allowed = CliRunner().invoke(app, [*words, "--overwrite"])
    assert "recorded over" not in allowed.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(there, b"a take")
