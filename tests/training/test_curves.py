"""The picture of a run: all of it is on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latentfx.training.runs.curves import Curves, draw_curves


def test_names_are_on_the_page_and_a_lone_point_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that differ little have long labels on a logarithmic axis."""
    curves = Curves(tmp_path / "curves.csv", 0)
    for step, (split, value) in enumerate([("train", 21.3), ("validation", 23.1), ("validation", 23.2)], 1):
        curves.write((step, 0.1 * step, "pitch", split), {"loss": value, "jacobian": value / 500}, 1e-3, 1.0)
    drawn: list[Figure] = []
    savefig = Figure.savefig

    def keeping(figure: Figure, *words: object, **options: object) -> None:
        drawn.append(figure)
        savefig(figure, *words, **options)

    monkeypatch.setattr(Figure, "savefig", keeping)
    draw_curves(tmp_path / "curves.csv", tmp_path / "curves.png")
    (figure,) = drawn
    FigureCanvasAgg(figure).draw()
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "jacobian"]
    for axis in figure.axes:
        assert axis.yaxis.label.get_window_extent().x0 >= 0
        train, validation = axis.lines
        assert len(train.get_xdata()) == 1
        assert train.get_marker() != "None"
        assert len(validation.get_xdata()) == 2
