r"""The three tables of SynTone, from whatever runs there are.

    for seed in 42 43 44; do for kind in vae beta-vae factor-vae beta-tcvae; do for norm in frame dataset; do
        latentfx train syntone-$kind --seed $seed --set method.mel.norm=$norm \
            --out runs/syntone-$kind-$norm-$seed
    done; done; done
    python examples/benchmarks/syntone_table.py runs/syntone-*

    published protocol   factors and codes exchanged, ten draws of the codes of one run, norm=frame
    as defined           posterior means, not exchanged, norm=frame
    as defined, dataset  the same, norm=dataset

All 32000 tones are scored, with 10 bins. A cell is the mean over the runs of a kind (their seeds). In
brackets is the standard deviation over the seeds, then that over the ten draws of one run. A run that has not
ended is left out.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from table import print_table, write_json
from torch import Tensor

from latentfx.errors import CheckpointError, DataError
from latentfx.methods.syntone.model import SynTone
from latentfx.training.data.sources.waveforms import SHAPES, Tone, Waveforms, play
from latentfx.training.metrics.disentanglement import all_scores
from latentfx.training.runs.checkpoint import load_checkpoint

Float64 = NDArray[np.float64]
SECONDS, BINS, DRAWS, STEPS = 1.0, 10, 10, 8000
SCORES = ("mig_code", "sap", "dcimig", "jemmig", "modularity")
COLUMNS = ("MIG / H(code)", "SAP", "DCIMIG", "JEMMIG", "Modularity")
KINDS = ("vae", "beta-vae", "factor-vae", "beta-tcvae")
PUBLISHED: Mapping[str, Sequence[str]] = {
    "vae": ("0.280", "0.045", "0.005", "0.300", "0.651 (0.031)"),
    "beta-vae": ("0.184", "0.035", "0.004", "0.201", "0.750 (0.022)"),
    "factor-vae": ("0.118", "0.035", "0.003", "0.126", "0.762 (0.014)"),
    "beta-tcvae": ("0.166", "0.023", "0.005", "0.183", "0.747 (0.016)"),
}


@dataclass(frozen=True)
class RunScores:
    """Scores of one run.

    Args:
        kind, norm, seed: what was trained.
        published: by score, of each draw.
        defined: by score.
    """

    kind: str
    norm: str
    seed: int
    published: Mapping[str, Sequence[float]]
    defined: Mapping[str, float]


def main() -> None:
    """Score the runs and print the tables."""
    arguments = _arguments()
    grid = Grid()
    found = [scores for run in arguments.runs if (scores := _scored(run, grid)) is not None]
    if not found:
        raise DataError("no run of a syntone recipe has ended; train one first")
    for title, norm, part in (
        ("Published protocol, norm=frame", "frame", "published"),
        ("As defined, norm=frame", "frame", "defined"),
        ("As defined, norm=dataset", "dataset", "defined"),
    ):
        print(f"\n{title}\n")
        columns = COLUMNS if part == "published" else ("MIG / H(factor)", *COLUMNS)
        print_table(["model", "seeds", *columns], _rows(found, norm, part))
    write_json(arguments.json, {"runs": [vars(scores) for scores in found]})


class Grid:
    """Power in mel bands of the 1600 tones of amplitude 1, and the factors of all 32000."""

    def __init__(self) -> None:
        source = Waveforms()
        self.amplitudes = np.linspace(
            source.lowest_amplitude, source.highest_amplitude, source.amplitudes
        ).tolist()
        self.frequencies = np.linspace(source.lowest_hz, source.highest_hz, source.frequencies).tolist()
        points = list(itertools.product(self.frequencies, self.amplitudes, range(len(SHAPES))))
        self.factors = np.array([(shape, f, a) for f, a, shape in points], dtype=np.float64)
        self._power: Tensor | None = None

    def powers(self, model: SynTone) -> Tensor:
        """Power of the tones of amplitude 1, computed once.

        Shape:
            -> [frequencies, shapes, frames, bands]
        """
        if self._power is None:
            tones = [Tone(shape, 1.0, f) for f, shape in itertools.product(self.frequencies, SHAPES)]
            each = [model.images.power(torch.from_numpy(play(t, model.sample_rate, SECONDS))) for t in tones]
            self._power = torch.stack(each).unflatten(0, (len(self.frequencies), len(SHAPES)))
        return self._power

    @torch.no_grad()
    def posteriors(self, model: SynTone) -> tuple[Float64, Float64]:
        """Means and deviations of the codes of all tones: power grows with the square of the amplitude.

        Shape:
            -> two of [32000, D]
        """
        hidden = model.config.mel.norm == "frame"
        gains = torch.tensor(self.amplitudes[-1:] if hidden else self.amplitudes).square()
        rows = []
        for power in self.powers(model):
            images = (gains[:, None, None, None] * power).flatten(0, 1)
            mean, logvar = model.encoder(model.images(images))
            both = torch.stack([mean, torch.exp(0.5 * logvar)])
            rows.append(both.repeat(1, len(self.amplitudes), 1) if hidden else both)
        mean, deviation = torch.cat(rows, dim=1).double().numpy()
        return mean, deviation


def _scored(run: Path, grid: Grid) -> RunScores | None:
    try:
        model, card = load_checkpoint(run)
    except CheckpointError:
        return None
    recipe = card["recipe"]
    if not isinstance(model, SynTone) or not _ended(run):
        return None
    mean, deviation = grid.posteriors(model)
    rng = np.random.default_rng(0)
    drawn = [mean + deviation * rng.standard_normal(mean.shape) for _ in range(DRAWS)]
    published = [all_scores(z, grid.factors, BINS, BINS) for z in drawn]
    defined = all_scores(grid.factors, mean, BINS, [None, BINS, BINS])
    scores = RunScores(
        model.config.kind,
        model.config.mel.norm,
        int(recipe["recipe"]["seed"]),
        {name: [each[name] for each in published] for name in SCORES},
        {name: float(defined[name]) for name in ("mig", *SCORES)},
    )
    print(f"{run.name}: step {card['step']}", flush=True)
    return scores


def _ended(run: Path) -> bool:
    """Whether a run has made all its steps: its curves reach the last one."""
    last = (run / "curves.csv").read_text(encoding="utf-8").strip().splitlines()[-1]
    return last.startswith(f"{STEPS},")


def _rows(found: Sequence[RunScores], norm: str, part: str) -> list[list[object]]:
    rows: list[list[object]] = []
    for kind in KINDS:
        own = [scores for scores in found if (scores.kind, scores.norm) == (kind, norm)]
        names = SCORES if part == "published" else ("mig", *SCORES)
        if own:
            rows.append([f"{kind}, here", len(own), *(_cell(own, part, name) for name in names)])
        if part == "published":
            rows.append([f"{kind}, published", "-", *PUBLISHED[kind]])
    return rows


def _cell(own: Sequence[RunScores], part: str, name: str) -> str:
    if part == "defined":
        values = [scores.defined[name] for scores in own]
        return f"{np.mean(values):.3f}" + (f" ({np.std(values):.3f})" if len(own) > 1 else "")
    draws = [scores.published[name] for scores in own]
    means, within = [np.mean(each) for each in draws], np.mean([np.std(each) for each in draws])
    seeds = f"{np.std(means):.3f}, " if len(own) > 1 else ""
    return f"{np.mean(means):.3f} ({seeds}{within:.3f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="run folders of syntone recipes")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
