"""The tables of SPS: ours beside the published rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentfx.training.evaluations.plain import plain
from latentfx.training.evaluations.symmetry.scores import Score, SymmetrySettings

COLUMNS: Mapping[str, tuple[str, int]] = {
    "embedding": ("embedding R2, first notes", 3),
    "embedding_all": ("embedding R2, all notes", 3),
    "synthesis": ("synthesis R2", 3),
    "x": ("MSE x", 2),
    "y": ("MSE y", 2),
    "z": ("MSE z", 2),
    "mean": ("MSE mean", 2),
    "ratio": ("ratio content / style", 2),
    "precision_timbre": ("precision timbre", 2),
    "random_timbre": ("by chance", 2),
    "precision_pitch": ("precision pitch", 2),
    "random_pitch": ("by chance", 2),
    "self": ("self-recon", 4),
    "prediction_forced": ("image-pred, forced", 4),
    "prediction_free": ("image-pred, free", 4),
    "prior_forced": ("prior, forced", 4),
    "prior_free": ("prior, free", 4),
    "explained": ("explained", 3),
    "z_std": ("std of z", 3),
}
"""Figure -> what its column is called, and its decimals."""

_AUDIO = ("embedding", "synthesis", "self", "prediction_forced", "prior_forced")
_VIDEO = ("x", "y", "z", "mean", "self", "prediction_free", "prior_free")
PUBLISHED: Mapping[str, tuple[tuple[str, tuple[str, ...], str], ...]] = {
    "accordion": (
        ("SPS-VAE, K = 4", _AUDIO, "0.999 (0.001)|0.986 (0.025)|0.0292|0.0296|0.0012"),
        ("SPS-AE, K = 4", _AUDIO, "0.998 (0.001)|0.986 (0.025)|0.0292|0.0296|0.0012"),
        ("SPS-VAE, K = 0", _AUDIO, "0.997 (0.002)|0.910 (0.040)|0.0291|0.0295|0.0030"),
        ("SPS-AE, K = 0", _AUDIO, "0.993 (0.006)|0.832 (0.129)|0.0291|0.0295|0.0087"),
        ("beta-VAE", _AUDIO, "0.772 (0.333)|0.534 (0.275)|0.0303|-|-"),
        ("SPICE", _AUDIO, "1.000|-|-|-|-"),
    ),
    "video": (
        ("SPS-VAE, K = 4", _VIDEO, "0.11|0.31|0.26|0.26|0.64382|0.6456|0.14"),
        ("SPS-AE, K = 4", _VIDEO, "0.13|0.39|0.21|0.24|0.64386|0.6458|0.17"),
        ("SPS-VAE, K = 0", _VIDEO, "0.33|0.80|0.75|0.62|0.64372|0.6459|0.19"),
        ("SPS-AE, K = 0", _VIDEO, "0.26|0.44|0.55|0.42|0.64367|0.6456|0.11"),
        ("beta-VAE", _VIDEO, "0.36|0.70|0.68|0.58|0.64345|-|-"),
    ),
    "instruments": (
        (
            "SPS+, K = 4",
            ("ratio", "precision_timbre", "random_timbre", "precision_pitch", "random_pitch", "self"),
            "0.49|0.98|0.67|0.82|0.33|0.0356",
        ),
        (
            "SPS+, K = 0",
            ("ratio", "precision_timbre", "random_timbre", "precision_pitch", "random_pitch", "self"),
            "2.20|0.50|0.67|0.02|0.33|0.0360",
        ),
    ),
    "colours": (
        ("SPS+, K = 4", _VIDEO, "0.11|0.06|0.09|0.09|0.6457|0.6464|0.0957"),
        ("SPS+, K = 0", _VIDEO, "0.35|0.72|0.68|0.58|0.6456|0.6464|0.1320"),
        ("beta-VAE", _VIDEO, "0.37|0.76|0.73|0.62|0.6455|-|-"),
    ),
}
"""Tables 1 to 11 of the paper; the deviation over ten runs in brackets."""

_FAILED = (
    "A run has failed when it never left the plateau at the start: what it decodes explains less than a "
    "tenth of what differs between images."
)
_ERRORS = (
    "Errors of images are cross-entropies of a pixel. `forced`: the prior sees 98 % of the codes, as the "
    "published code judges audio; `free`: the given frames alone. `prior` is the squared error of "
    "standardised predictions."
)


@dataclass(frozen=True)
class SymmetryTable:
    """What an evaluation found.

    Args:
        scores: by the model's name.
        settings: how it was judged.
        facts: the data, as JSON.
        yin: embedding R2 of YIN on the same notes; NaN where there are none.
        notes: what readers must know, a line each.
    """

    scores: Mapping[str, Score]
    settings: SymmetrySettings
    facts: Mapping[str, Any]
    yin: float = math.nan
    notes: tuple[str, ...] = ()

    def with_score(self, name: str, score: Score) -> SymmetryTable:
        """The table with one more model."""
        return replace(self, scores={**self.scores, name: score})

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        found: dict[str, Any] = plain(self)
        for name, score in self.scores.items():
            found["scores"][name]["failed"] = score.failed
        return found

    def to_markdown(self) -> str:
        """Kinds of models with mean and deviation over their runs, published rows, and every run."""
        keys = [key for key in COLUMNS if any(_known(score, key) for score in self.scores.values())]
        groups: dict[str, list[Score]] = {}
        for score in self.scores.values():
            groups.setdefault(score.title, []).append(score)
        heads = ["model", "runs", *(COLUMNS[key][0] for key in keys)]
        rows = [[title, _runs(runs), *(_spread(runs, key) for key in keys)] for title, runs in groups.items()]
        if not math.isnan(self.yin):
            rows.append(["YIN", "-", *(f"{self.yin:.3f}" if key == "embedding" else "-" for key in keys)])
        rows += _published(keys, self._paper)
        single = [
            [name, "failed" if score.failed else "", *(_one(score, key) for key in keys)]
            for name, score in self.scores.items()
        ]
        runs = _table(["run", "", *(COLUMNS[key][0] for key in keys)], single)
        return "\n\n".join([_table(heads, rows), "Every run:", runs, *self._instruments(), self._lines()])

    @property
    def _paper(self) -> str:
        figures = next(iter(self.scores.values())).figures if self.scores else {}
        plus = any(score.title.startswith("SPS+") for score in self.scores.values())
        if "embedding" in figures:
            return "instruments" if plus else "accordion"
        return ("colours" if plus else "video") if "x" in figures else ""

    def _instruments(self) -> list[str]:
        wide = {name: score for name, score in self.scores.items() if len(score.by_instrument) > 1}
        rows = [
            [name, instrument, f"{embedding:.3f}", f"{synthesis:.3f}"]
            for name, score in wide.items()
            for instrument, (embedding, synthesis) in score.by_instrument.items()
        ]
        return [_table(["run", "instrument", "embedding R2", "synthesis R2"], rows)] if rows else []

    def _lines(self) -> str:
        failed = [name for name, score in self.scores.items() if score.failed]
        lines = [
            "Mean (population deviation) over all runs of a kind, failed ones included.",
            f"Failed runs: {', '.join(failed) or 'none'}. {_FAILED}",
            _ERRORS,
            *self.notes,
        ]
        return "\n".join(f"- {line}" for line in lines)


def _known(score: Score, key: str) -> bool:
    return not math.isnan(score.figures.get(key, math.nan))


def _runs(runs: Sequence[Score]) -> str:
    failed = sum(score.failed for score in runs)
    return f"{len(runs)}, {failed} failed" if failed else str(len(runs))


def _spread(runs: Sequence[Score], key: str) -> str:
    values = [score.figures[key] for score in runs if _known(score, key)]
    if not values:
        return "-"
    digits = COLUMNS[key][1]
    return f"{np.mean(values):.{digits}f} ({np.std(values):.{digits}f})"


def _one(score: Score, key: str) -> str:
    return f"{score.figures[key]:.{COLUMNS[key][1]}f}" if _known(score, key) else "-"


def _published(keys: Sequence[str], paper: str) -> list[list[str]]:
    rows = []
    for name, columns, text in PUBLISHED.get(paper, ()):
        known = dict(zip(columns, text.split("|"), strict=True))
        rows.append([f"{name}, published", "-", *(known.get(key, "-") for key in keys)])
    return rows


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
