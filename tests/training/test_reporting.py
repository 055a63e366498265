"""What a run says, on a terminal and into a file."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from toy import toy_clips, toy_recipe, train_toy

from latentfx.training.runs.reporting import Reporter


def test_lines_tell_of_features_stages_and_the_whole_run_where_there_is_no_terminal(tmp_path: Path) -> None:
    text = io.StringIO()
    train_toy(tmp_path, toy_recipe(), Reporter(Console(file=text, width=200), line_every_s=0.0))
    lines = text.getvalue().splitlines()
    count = len(toy_clips().train)
    assert lines[:count] == [f"features {done} of {count}" for done in range(1, count + 1)]
    assert lines[count] == "validation features 1 of 2"
    assert any(
        line.startswith("alone 1 of 60  loss ") and "  1 of 120 steps in all" in line for line in lines
    )
    assert any(
        line.startswith("taught 1 of 60") and "61 of 120 steps in all, about" in line for line in lines
    )


def test_lines_come_now_and_then(tmp_path: Path) -> None:
    text = io.StringIO()
    train_toy(tmp_path, toy_recipe(), Reporter(Console(file=text, width=200), line_every_s=1e9))
    lines = text.getvalue().splitlines()
    assert lines[:2] == ["features 1 of 6", "features 6 of 6"]
    assert not any("steps in all" in line for line in lines)
    assert sum("(best)" in line or "left in this stage" in line for line in lines) == 6


def test_a_terminal_shows_a_bar_of_the_whole_run(tmp_path: Path) -> None:
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=True)
    train_toy(tmp_path, toy_recipe(), Reporter(console, line_every_s=0.0))
    shown = text.getvalue()
    assert "whole run" in shown
    assert "120/120" in shown
    assert "steps in all" not in shown
