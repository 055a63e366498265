"""The table of disentanglement: our scores, the published rows, and what the columns mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from latentfx.training.evaluations.disentanglement.scores import (
    DisentanglementSettings,
    ScoreSpread,
    SpaceScore,
)
from latentfx.training.evaluations.plain import plain
from latentfx.training.metrics.bootstrap import Interval

COLUMNS: Mapping[str, str] = {
    "mig": "MIG / H(factor)",
    "mig_code": "MIG / H(code)",
    "sap": "SAP",
    "dcimig": "DCIMIG",
    "jemmig": "JEMMIG",
    "modularity": "Modularity",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
}
CLOSED = tuple(name for name in COLUMNS if not name.startswith("dci_"))

PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "VAE": ("0.280", "0.045", "0.005", "0.300", "0.651 (0.031)"),
    "beta-VAE": ("0.184", "0.035", "0.004", "0.201", "0.750 (0.022)"),
    "Factor-VAE": ("0.118", "0.035", "0.003", "0.126", "0.762 (0.014)"),
    "beta-TCVAE": ("0.166", "0.023", "0.005", "0.183", "0.747 (0.016)"),
}
"""MIG / H(code), SAP, DCIMIG, JEMMIG and Modularity of "Learning disentangled audio representations ..."."""
EXCHANGED = (
    "The protocol of SynTone's code: factors and codes exchanged, codes drawn from the posterior; mean "
    "(standard deviation) over draws. It says how much more one factor tells of a dimension than the next "
    "factor does. It does not say whether a factor has a dimension of its own:"
)
PUBLISHED_FACTORS = {"waveform", "amplitude", "frequency"}

CONVENTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("MIG", "mutual information, bits; a share of the entropy named", "{bins} equal bins", "higher"),
    ("SAP", "R2 of a straight line from code to factor; a class counts as its number", "none", "higher"),
    ("DCIMIG", "mutual information, bits; a share of the factors' entropies", "{bins} equal bins", "higher"),
    (
        "JEMMIG",
        "one minus joint entropy over its maximum; the entropy of the first paper is better lower",
        "{bins} equal bins",
        "higher",
    ),
    ("Modularity", "squares of mutual information", "{bins} equal bins", "higher"),
    ("DCI", "random forests; importance, and R2 or accuracy above chance on new rows", "none", "higher"),
)
"""Score, unit, bins, and which way is better."""


@dataclass(frozen=True)
class Scores:
    """What an evaluation found.

    Args:
        models: by the model's name, by latent space.
        settings: how it was judged.
        facts: the data, as JSON.
        notes: what readers must know, a line each.
    """

    models: Mapping[str, Mapping[str, SpaceScore]]
    settings: DisentanglementSettings
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def with_model(self, name: str, found: Mapping[str, SpaceScore]) -> Scores:
        """The table with one more model."""
        return replace(self, models={**self.models, name: found})

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        found: dict[str, Any] = plain(self)
        return found

    def to_markdown(self) -> str:
        """As tables, with a line for each note."""
        parts = []
        if self.settings.protocol != "published":
            parts += ["Posterior means against factors, with 95 % intervals of resampled data:"]
            parts += [self._corrected()]
        if self.settings.protocol != "corrected":
            parts += [EXCHANGED, self._published()]
        parts += ["What the scores mean:", self._conventions()]
        lines = [*self._factor_lines(), *self.notes]
        return "\n\n".join([*parts, "\n".join(f"- {line}" for line in lines)])

    def _rows(self) -> list[tuple[str, SpaceScore]]:
        return [
            (name if len(spaces) == 1 else f"{name}, {space}", score)
            for name, spaces in self.models.items()
            for space, score in spaces.items()
        ]

    def _corrected(self) -> str:
        rows = [
            [name, *(_interval(score.corrected.get(key)) for key in COLUMNS)] for name, score in self._rows()
        ]
        return _table(["model", *COLUMNS.values()], rows)

    def _published(self) -> str:
        rows = [
            [name, *(_spread(score.published.get(key)) for key in CLOSED)] for name, score in self._rows()
        ]
        if any(set(score.factors) | set(score.constant) == PUBLISHED_FACTORS for _, score in self._rows()):
            rows += [[f"{name}, published", "-", *figures] for name, figures in PUBLISHED.items()]
        return _table(["model", *(COLUMNS[name] for name in CLOSED)], rows)

    def _conventions(self) -> str:
        bins = str(self.settings.bins)
        rows = [[part.format(bins=bins) for part in row] for row in CONVENTIONS]
        return _table(["score", "unit", "bins", "better"], rows)

    def _factor_lines(self) -> list[str]:
        lines = []
        for name, score in self._rows():
            orders = "".join(f"; {n} in the order {', '.join(order)}" for n, order in score.orders.items())
            lines.append(
                f"{name}: {score.rows} rows, {score.dimensions} dimensions, factors "
                f"{', '.join(score.factors)}{orders}."
            )
            if score.constant:
                lines.append(f"{name}: left out, because they never change: {', '.join(score.constant)}.")
            if score.published and not score.drawn:
                lines.append(f"{name}: it has no posteriors, so that nothing was drawn.")
        return lines


def _interval(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _spread(found: ScoreSpread | None) -> str:
    return "-" if found is None else f"{found.mean:.3f} ({found.std:.3f})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
