"""A picture of what each dimension of a code tells of each factor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from latentfx.files import whole_file
from latentfx.training.evaluations.disentanglement.scores import SpaceScore

WIDEST_WITH_NUMBERS = 16


def draw_information(target: Path, title: str, spaces: Mapping[str, SpaceScore]) -> Path:
    """Draw mutual information, as a share of each factor's entropy, one panel a latent space, into a PNG.

    Args:
        target: the file.
        title: above the picture.
        spaces: scores by latent space.
    """
    shown = {name: score for name, score in spaces.items() if score.information is not None}
    height = sum(0.5 * len(score.factors) + 1.1 for score in shown.values())
    figure = Figure(figsize=(9, height + 0.5), dpi=110, layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for ax, (space, score) in zip(panels, shown.items(), strict=True):
        assert score.information is not None
        shares = score.information.mutual / np.maximum(score.information.of_factors[:, None], 1e-12)
        image = ax.imshow(shares, aspect="auto", cmap="magma", vmin=0.0, vmax=1.0)
        ax.set_yticks(range(len(score.factors)), score.factors)
        ax.set_xlabel(f"dimension of {space}")
        if shares.shape[1] <= WIDEST_WITH_NUMBERS:
            ax.set_xticks(range(shares.shape[1]))
            for row, column in np.ndindex(shares.shape):
                colour = "white" if shares[row, column] < 0.6 else "black"
                text = f"{shares[row, column]:.2f}"
                ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        figure.colorbar(image, ax=ax, label="share of the factor's bits")
    with whole_file(target) as part:
        figure.savefig(part, format="png")
    return target
