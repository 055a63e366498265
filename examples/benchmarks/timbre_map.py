r"""A map of timbres: what the teacher of a J-DSAE with a v of two dimensions decodes on {-3, 0, 3} squared.

    latentfx train j-dsae --data FOLDER --out runs/timbre-map --set method.v_size=2 \
        --set method.mel.log_eps=1e-5 --set train.stages.timbre.epochs=30 --set train.stages.pitch.epochs=1
    python examples/benchmarks/timbre_map.py runs/timbre-map --data FOLDER

The recipe's own log_eps of 0.05 halves the squared errors. The divergence of v counts as the mean of its
dimensions, so with two of them it then outweighs the errors, and v does not tell the instruments apart.

The teacher is the model after stage `timbre`. Its decoder sees v, and zeros in place of z, so each point of
the plane is one spectrum. With --data, the validation clips of the run's own recipe are drawn too, each at
its posterior mean of v.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from table import print_table

from latentfx.dsp.mel import hz_to_mel, mel_to_hz
from latentfx.errors import CheckpointError, LatentFXError
from latentfx.methods.dsae.models import MelObjective
from latentfx.training.data import load_data
from latentfx.training.runs.checkpoint import load_checkpoint

GRID = (-3.0, 0.0, 3.0)
SETTLED = 32
DB_PER_NAT = 10.0 / np.log(10.0)
Map = NDArray[np.float32]


def main() -> int:
    """Draw the map and return the exit code."""
    arguments = _arguments()
    try:
        objective, card = load_checkpoint(arguments.run)
        spectra = decode_grid(objective)
        places = clips_on_map(objective, card, arguments.data) if arguments.data else {}
    except LatentFXError as error:
        print(error, file=sys.stderr)
        return 1
    draw_map(spectra, _band_centres_hz(objective), places, arguments.picture)
    rows = [(name, len(v), *map(float, v.mean(0)), *map(float, v.std(0))) for name, v in places.items()]
    print_table(("instrument", "clips", "v1", "v2", "v1 std", "v2 std"), rows)
    print(f"\n{arguments.picture}")
    return 0


@torch.no_grad()
def decode_grid(objective: Any) -> Map:
    """Decode spectra on the grid, in nats of power. The first row is v2 = 3, the first column v1 = -3.

    Shape:
        -> [3, 3, n_mels]
    Raises:
        CheckpointError: the model is not one on mels, or its v does not have two dimensions.
    """
    if not isinstance(objective, MelObjective) or objective.networks.config.v_size != 2:
        raise CheckpointError(
            "a map needs a model on mels whose v has two dimensions: train one with --set method.v_size=2"
        )
    decoder = (objective.teacher or objective.networks).decoder
    v = torch.tensor([[[v1, v2] for v1 in GRID] for v2 in reversed(GRID)]).reshape(-1, 2)
    # A factorised decoder needs one frame. An autoregressive one needs some frames to settle.
    decoded = decoder(torch.zeros(len(v), SETTLED, objective.networks.config.z_size), v)[:, -1]
    spectra: Map = decoded.reshape(len(GRID), len(GRID), -1).numpy()
    return spectra


@torch.no_grad()
def clips_on_map(objective: MelObjective, card: Mapping[str, Any], data: Path) -> dict[str, Map]:
    """Posterior means of v of the validation clips, by instrument.

    Shape:
        -> each [K, 2]
    """
    networks, features = objective.teacher or objective.networks, objective.features
    clips = load_data(card["recipe"]["data"], objective.sample_rate, int(card["seed"]), data).validation
    found: dict[str, list[Map]] = {}
    for clip in clips:
        mel = features.frames(clip.audio)[None]
        mean, _ = networks.global_encoder(mel, torch.ones_like(mel[..., 0]))
        found.setdefault(clip.instrument, []).append(mean[0].numpy())
    return {name: np.stack(values) for name, values in found.items()}


def draw_map(spectra: Map, centres_hz: Map, places: Mapping[str, Map], target: Path) -> None:
    """Draw nine spectra where they lie in the plane, and beside them the clips."""
    figure = Figure(figsize=(11.0 if places else 7.0, 6.0), layout="constrained")
    halves = figure.subfigures(1, 2, width_ratios=(7, 4)) if places else [figure]
    panels = halves[0].subplots(3, 3, sharex=True, sharey=True)
    for row, v2 in enumerate(reversed(GRID)):
        for column, v1 in enumerate(GRID):
            axes: Axes = panels[row, column]
            axes.fill_between(
                centres_hz, spectra[row, column] * DB_PER_NAT, -60.0, color=f"C{row}", alpha=0.6
            )
            axes.set_title(f"v = ({v1:g}, {v2:g})", fontsize=8)
            axes.set(xscale="log", xlim=(60, 8000), ylim=(-50, 40))
            axes.grid(alpha=0.3)
    panels[2, 1].set_xlabel("Hz")
    panels[1, 0].set_ylabel("power in a mel band, dB")
    if places:
        axes = halves[1].subplots()
        for index, (name, v) in enumerate(places.items()):
            axes.scatter(*v.T, s=10, color=f"C{index}", alpha=0.7, label=name)
        axes.set(xlabel="v1", ylabel="v2", xticks=GRID, yticks=GRID, aspect="equal")
        axes.legend(fontsize=8)
        axes.grid(alpha=0.4)
    figure.savefig(target, dpi=110)


def _band_centres_hz(objective: MelObjective) -> Map:
    config = objective.features.log_mel.config
    top = float(hz_to_mel(torch.tensor(config.sample_rate / 2.0), "htk"))
    centres: Map = mel_to_hz(torch.linspace(0.0, top, config.n_mels + 2)[1:-1], "htk").numpy()
    return centres


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run folder or checkpoint folder")
    parser.add_argument("--data", type=Path, help="data folder of the run's recipe")
    parser.add_argument("--picture", type=Path, default=Path("timbre-map.png"))
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
