"""The curves of a run: one tidy CSV (a row per number), and a picture of it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from latentfx.files import whole_file

COLUMNS = ("step", "epoch", "stage", "split", "part", "value", "lr", "seconds")


class Curves:
    """Appends rows to a CSV file.

    Args:
        path: the file; made where absent.
        keep_bytes: bytes of it that are kept; what a killed run wrote after its last save is cut off.
    """

    def __init__(self, path: Path, keep_bytes: int = 0) -> None:
        self._path = path
        with path.open("ab") as file:
            file.truncate(min(keep_bytes, file.tell()))
        if self.size == 0:
            self._append([COLUMNS])

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._path.stat().st_size

    def write(
        self, place: tuple[int, float, str, str], parts: Mapping[str, float], lr: float, seconds: float
    ) -> None:
        """Write the parts of one loss.

        Args:
            place: step, epoch, stage, split.
            parts: loss parts by name.
            lr: learning rate.
            seconds: time spent so far.
        """
        step, epoch, stage, split = place
        rows = [
            (step, f"{epoch:.3f}", stage, split, part, repr(value), f"{lr:.6g}", f"{seconds:.1f}")
            for part, value in parts.items()
        ]
        self._append(rows)

    def _append(self, rows: Iterable[Iterable[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        with self._path.open("ab") as file:
            file.write(text.getvalue().encode())


def draw_curves(source: Path, target: Path) -> None:
    """Draw a CSV of curves as a PNG: one panel per loss part, training and validation, stages side by side.

    Args:
        source: a file that `Curves` wrote.
        target: the picture, written atomically.
    """
    from matplotlib.figure import Figure

    lines: dict[str, dict[tuple[str, str], list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    with source.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = (int(row["step"]), float(row["value"]))
            lines[row["part"]][row["stage"], row["split"]].append(point)
    if not lines:
        return
    figure = Figure(figsize=(9, 0.6 + 2.4 * len(lines)), layout="constrained")
    axes = figure.subplots(len(lines), 1, sharex=True, squeeze=False)[:, 0]
    stages = list(dict.fromkeys(stage for curves in lines.values() for stage, _ in curves))
    for axis, (part, curves) in zip(axes, lines.items(), strict=True):
        for (stage, split), points in curves.items():
            one = "." if len(points) == 1 else ""
            style = f"C{stages.index(stage)}" + (f"{one}-" if split == "train" else "o--")
            axis.plot(*zip(*points, strict=True), style, label=f"{stage} {split}", markersize=3, linewidth=1)
        if min(value for points in curves.values() for _, value in points) > 0:
            axis.set_yscale("log")
        axis.set_ylabel(part)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    axes[-1].set_xlabel("step")
    with whole_file(target) as file:
        figure.savefig(file, dpi=110, format="png")
