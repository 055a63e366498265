"""The table of the soak: every block that missed its time counts once, wherever it was missed."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("through", "said", "ratio"),
    [
        ({"late": 1, "xruns": 3}, "128: 10 blocks missed their time, 4 beside it, 2.50 times as many", 2.5),
        ({"late": 0, "xruns": 0}, "128: 10 blocks missed their time, 0 beside it\n", None),
    ],
)
def test_the_soak_sums_what_was_missed_and_compares_the_sums(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    through: dict[str, Any],
    said: str,
    ratio: float | None,
) -> None:
    monkeypatch.syspath_prepend(root / "examples" / "benchmarks")
    soak = importlib.import_module("soak")
    calm = {"seconds": [(0, 0.0)] * 4}
    host = {"late": 7, "faded": 5, "xruns": 3, "place": "worker", "memory_mb": [100.0, 100.0], **calm}
    monkeypatch.setattr(soak, "play_beside", lambda *_: {"host": host, "through": through | calm})
    report = tmp_path / "soak.json"
    monkeypatch.setattr(sys, "argv", ["soak.py", "any", "--blocks", "128", "--json", str(report)])
    assert soak.main() == 0
    shown = capsys.readouterr().out
    assert said in shown
    heading, _, row = (line.split(" | ") for line in shown.splitlines() if line.startswith("|"))
    assert (row[heading.index("faded")], row[heading.index("missed")]) == ("5", "10")
    assert row[heading.index("ratio")] == ("-" if ratio is None else f"{ratio:.4g}")
    written = json.loads(report.read_text())
    figures = dict(zip(written["columns"], written["rows"][0], strict=True))
    assert (figures["missed"], figures["through missed"]) == (10, sum(through.values()))
    assert figures["ratio"] == ratio
    assert written["missed"] == [said.strip()]
