"""A picture of what every model makes of its code: the pitch heard along it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from latentfx.files import whole_file
from latentfx.training.evaluations.symmetry.scores import Score

PANELS_A_ROW = 3


def draw_maps(target: Path, scores: Mapping[str, Score]) -> Path:
    """Draw, for each model that makes sound, the pitch that is heard against the code, into a PNG.

    Args:
        target: the file.
        scores: by the model's name.
    """
    shown = {name: score for name, score in scores.items() if score.curve}
    rows = -(-len(shown) // PANELS_A_ROW)
    figure = Figure(figsize=(3.2 * PANELS_A_ROW, 2.8 * rows + 0.3), dpi=110, layout="constrained")
    panels = figure.subplots(rows, PANELS_A_ROW, squeeze=False)
    for ax in panels.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, (name, score) in zip(panels.flat, shown.items(), strict=False):
        z, heard = np.array(score.curve).T
        ax.scatter(z, heard, s=12, color="#1f5fa8")
        ax.set_title(f"{name}\n{score.title}, R2 {score.figures['synthesis']:.3f}", fontsize=8)
        ax.set_xlabel("z")
        ax.set_ylabel("pitch heard, MIDI")
    with whole_file(target) as part:
        figure.savefig(part, format="png")
    return target
