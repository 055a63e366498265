"""Pictures of rings: how they were learnt, and how their parts were turned into other orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latentfx.methods.oplas.ring.metrics import RingStudy, principal_plane
from latentfx.methods.oplas.toys.arrangements import ARRANGEMENTS

NOTES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
PANELS = 6
PANEL_INCHES = 2.3


def draw_courses(studies: Mapping[str, RingStudy], target: Path) -> None:
    """Draw a row for each study: the training of the seed with the median relative error."""
    figure, grid = _panels(len(studies), PANELS)
    for row, (name, study) in zip(grid, studies.items(), strict=True):
        course(row, study, name)
    figure.savefig(target, dpi=110)


def draw_ring(ring: RingStudy, arranged: Mapping[str, RingStudy], target: Path) -> None:
    """Draw how a ring was learnt, and below it how its other orders were."""
    figure, grid = _panels(1 + len(arranged), PANELS)
    course(grid[0], ring, "chromatic", range(12))
    for row, (name, study) in zip(grid[1:], arranged.items(), strict=True):
        course(row, study, name, ARRANGEMENTS[name].order)
    figure.savefig(target, dpi=110)


def course(row: Sequence[Axes], study: RingStudy, name: str, notes: Sequence[int] | None = None) -> None:
    """Draw some steps of one seed's training, projected on the plane of its last points.

    Args:
        row: axes, one a step.
        study: its seed with the median relative error is shown.
        name: title of the row.
        notes: pitch class of each point, written beside it.
    """
    errors = [ring.relative_error for ring in study.metrics]
    index = errors.index(sorted(errors)[len(errors) // 2])
    steps = study.trained.course(len(row))
    _, plane, _ = principal_plane(study.trained.frames[steps[-1]][index].double())
    for axes in row[len(steps) :]:
        axes.set_axis_off()
    for axes, step in zip(row, steps, strict=False):
        points = study.trained.frames[step][index].double()
        _ring(axes, ((points - points.mean(0)) @ plane.T).numpy(), notes)
        axes.set_title(f"step {step}", fontsize=8)
    row[0].set_ylabel(name, fontsize=8)
    row[len(steps) - 1].set_xlabel(
        f"seed {study.seeds[index]}: error {errors[index]:.3f}, winding {study.metrics[index].winding}",
        fontsize=8,
    )


def _ring(axes: Axes, flat: NDArray[np.float64], notes: Sequence[int] | None) -> None:
    closed = np.concatenate([flat, flat[:1]])
    axes.plot(*closed.T, color="0.75", linewidth=1, zorder=1)
    axes.scatter(*flat.T, c=np.arange(len(flat)), cmap="hsv", s=22, vmin=0, vmax=len(flat), zorder=2)
    for place, note in enumerate(notes or ()):
        axes.annotate(NOTES[note], flat[place] * 1.18, ha="center", va="center", fontsize=7)
    reach = 1.3 * float(np.abs(flat).max()) or 1.0
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def _panels(rows: int, columns: int) -> tuple[Figure, NDArray[np.object_]]:
    figure = Figure(figsize=(PANEL_INCHES * columns, (PANEL_INCHES + 0.25) * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)
