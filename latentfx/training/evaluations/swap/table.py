"""The table of the DSAE papers: ours beside the published rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentfx.training.evaluations.plain import plain
from latentfx.training.evaluations.swap.protocol import DecodeScore, MeanStd, ProtocolSettings, SwapperScore
from latentfx.training.evaluations.swap.real_clips import Ceiling

KINDS = ("recon", "v-swap", "z-swap", "rand")
PUBLISHED_INSTRUMENTS = ("violin", "trumpet")


def _published(f1: str, accuracy: str, violin: str, trumpet: str) -> tuple[str, ...]:
    return (f1, "-", accuracy, *violin.split(", "), *trumpet.split(", "))


PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "TS-DSAE": _published(
        "1.00 / 1.00",
        "0.87 / 0.86",
        "3.49, 4.26 (0.15), 4.53 (0.09), 4.85 (0.09)",
        "2.08, 4.00 (0.48), 3.46 (0.36), 2.88 (0.02)",
    ),
    "J-DSAE": _published(
        "1.00 / 1.00",
        "0.93 / 0.92",
        "2.17, 3.22 (0.06), 3.37 (0.07), 3.37 (0.02)",
        "1.20, 2.73 (0.49), 2.25 (0.27), 2.12 (0.14)",
    ),
    "TS-DSAE AR": _published(
        "1.00 / 1.00",
        "0.82 / 0.83",
        "2.18, 3.19 (0.11), 3.47 (0.07), 3.56 (0.03)",
        "1.41, 3.61 (0.48), 2.92 (0.38), 2.59 (0.24)",
    ),
    "J-DSAE AR": _published(
        "1.00 / 1.00",
        "0.90 / 0.90",
        "1.49, 2.35 (0.05), 2.57 (0.03), 2.56 (0.07)",
        "0.89, 1.05 (0.12), 0.99 (0.04), 1.88 (0.09)",
    ),
}
"""The rows of "Unsupervised pitch-timbre disentanglement ... Jacobian ..." (2024), on URMP."""


@dataclass(frozen=True)
class Comparison:
    """Models judged by one judge on the same clips.

    Args:
        scores: by the model's name.
        instruments: in the order of the columns.
        ceiling: what the real clips themselves reach.
        settings: how swaps were drawn and judged.
        facts: data, clips, judge and machine, as JSON.
        notes: what readers must know, a line each.
    """

    scores: Mapping[str, SwapperScore]
    instruments: tuple[str, ...]
    ceiling: Ceiling
    settings: ProtocolSettings
    facts: Mapping[str, Any]
    notes: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        found: dict[str, Any] = plain(self)
        return found

    def to_markdown(self) -> str:
        """As tables, with a line for each note."""
        ordered = sorted(self.instruments, key=_published_order)
        wide = len(ordered) <= len(PUBLISHED_INSTRUMENTS)
        columns = ["model", "F1 v / z", "F1 by LDA of v", "RPA v / z"]
        rows = [[name, *_shares(score)] for name, score in self.scores.items()]
        if wide:
            columns += [f"FAD {name} {kind}" for name in ordered for kind in KINDS]
            rows = [
                [*row, *(figure for name in ordered for figure in _distances(score, name))]
                for row, score in zip(rows, self.scores.values(), strict=True)
            ]
        if tuple(ordered) == PUBLISHED_INSTRUMENTS:
            rows += [[f"{name}, published, URMP", *figures] for name, figures in PUBLISHED.items()]
        parts = [_table(columns, rows)]
        if not wide:
            long = [
                [name, label, *_distances(score, label)]
                for name, score in self.scores.items()
                for label in ordered
            ]
            parts.append(_table(["FAD of", "instrument", *KINDS], long))
        return "\n\n".join([*parts, "\n".join(f"- {line}" for line in (*self._ceiling_lines(), *self.notes))])

    def _ceiling_lines(self) -> list[str]:
        ceiling, pairings = self.ceiling, self.settings.pairings
        halves = ", ".join(f"{name} {value:.2f}" for name, value in ceiling.distances.items())
        real = (
            f"The real clips themselves: F1 {ceiling.f1:.2f}; FAD between two halves of them: {halves}. Made "
            f"audio again from their own log-mels: RPA {ceiling.pitch_accuracy:.3f}, which no model of them "
            "passes."
        )
        how = (
            f"Mean (standard deviation) over {pairings} pairings. FADs compare models under this judge: not "
            "with published values, nor with those of another run."
        )
        return [real, how]


def _published_order(name: str) -> tuple[int, str]:
    known = PUBLISHED_INSTRUMENTS
    return (known.index(name), "") if name in known else (len(known), name)


def _shares(score: SwapperScore) -> list[str]:
    def pair(of: str, digits: int) -> str:
        return " / ".join(figure(getattr(kind, of), digits) for kind in (score.v_swap, score.z_swap))

    return [pair("f1", 2), pair("lda_f1", 2), pair("pitch_accuracy", 3)]


def _distances(score: SwapperScore, instrument: str) -> list[str]:
    decoded: list[DecodeScore] = [score.recon, score.v_swap, score.z_swap]
    recon, *swaps = [kind.distances[instrument] for kind in decoded]
    rand = MeanStd(math.nan, math.nan) if score.rand is None else score.rand[instrument]
    return [f"{recon.mean:.2f}", *(figure(spread) for spread in (*swaps, rand))]


def figure(spread: MeanStd, digits: int = 2) -> str:
    """Mean and deviation for people; `-` where there is none.

    >>> figure(MeanStd(0.931, 0.004), 3), figure(MeanStd(math.nan, math.nan))
    ('0.931 (0.004)', '-')
    """
    return "-" if math.isnan(spread.mean) else f"{spread.mean:.{digits}f} ({spread.std:.{digits}f})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
