"""Steer amplitude, waveform and frequency of generated tones by the dimension that tells most of each.

    latentfx train syntone-vae
    python examples/benchmarks/syntone_steer.py runs/syntone-vae

For each factor, the dimension with the largest mutual information with it is chosen, on 4000 tones drawn at
random. Then that dimension alone goes from -2 to 2 deviations of the data's codes, in nine steps from the
code of each of 40 other tones, and is decoded. What was made is the tone of the grid whose mean mel spectrum
is nearest. For each choice:

    information   what the dimension tells of the factor, as a share of the factor's entropy
    follows       rank correlation of the steps with the factor of what was made: mean of its size over tones
    one way       share of the tones in which the factor never turns back, and ends elsewhere
    range         part of the factor's whole range that the steps cross, in the mean
    the others    part of their whole ranges that the two other factors move along with it
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from table import print_table, write_json
from torch import Tensor

from latentfx.errors import CheckpointError
from latentfx.methods.syntone.model import SynTone
from latentfx.training.data.sources.waveforms import SHAPES, Tone, Waveforms, play
from latentfx.training.metrics.descriptors import rank_correlation
from latentfx.training.metrics.disentanglement import information
from latentfx.training.runs.checkpoint import load_checkpoint

Float64 = NDArray[np.float64]
FACTORS = ("waveform", "frequency", "amplitude")
STEPS, REACH, SECONDS, EVERY = 9, 2.0, 1.0, 2
TOLD, STEERED = 4000, 40


def main() -> None:
    """Choose a dimension for each factor, turn it, and measure."""
    arguments = _arguments()
    model, _ = load_checkpoint(arguments.run)
    if not isinstance(model, SynTone):
        raise CheckpointError(f"{arguments.run} is a {type(model).__name__}; give a run of a syntone recipe")
    images, factors = _grid(model)
    with torch.no_grad():
        codes = torch.cat([model.encoder(part)[0] for part in images.split(100)])
        order = np.random.default_rng(0).permutation(len(codes))
        told, steered = order[:TOLD], order[TOLD : TOLD + STEERED]
        found = information(factors[told], codes[told].double().numpy(), 10, [None, 10, 10])
        share = found.mutual / np.maximum(found.of_factors, 1e-9)[:, None]
        spectra = images.mean(dim=-1)
        rows, figures = [], {}
        for at, factor in enumerate(FACTORS):
            dimension = int(share[at].argmax())
            made = _turned(model, codes, steered, dimension, spectra, factors)
            measured = {"information": float(share[at, dimension]), **_measure(made, at, factors)}
            figures[factor] = {"dimension": dimension, **measured}
            rows.append([factor, f"z{dimension}", *measured.values()])
    print_table(["factor", "dimension", "information", "follows", "one way", "range", "the others"], rows)
    write_json(arguments.json, {"run": str(arguments.run), "factors": figures})


def _grid(model: SynTone) -> tuple[Tensor, Float64]:
    """Images of every second frequency of the grid, and their factors."""
    source = Waveforms()
    frequencies = np.linspace(source.lowest_hz, source.highest_hz, source.frequencies)[::EVERY].tolist()
    amplitudes = np.linspace(source.lowest_amplitude, source.highest_amplitude, source.amplitudes).tolist()
    tones = [Tone(shape, 1.0, f) for f, shape in itertools.product(frequencies, SHAPES)]
    powers = [model.images.power(torch.from_numpy(play(t, model.sample_rate, SECONDS))) for t in tones]
    gains = torch.tensor(amplitudes).square()
    images = torch.cat([model.images(gains[:, None, None] * power) for power in powers])
    points = itertools.product(frequencies, range(len(SHAPES)), amplitudes)
    return images, np.array([(shape, f, a) for f, shape, a in points], dtype=np.float64)


def _turned(
    model: SynTone,
    codes: Tensor,
    starts: NDArray[np.int64],
    dimension: int,
    spectra: Tensor,
    factors: Float64,
) -> Float64:
    """Factors of what is made when one dimension is turned alone.

    Shape:
        -> [starts, STEPS, factors]
    """
    places = torch.linspace(-REACH, REACH, STEPS) * codes[:, dimension].std()
    made = []
    for start in starts.tolist():
        moved = codes[start].repeat(STEPS, 1)
        moved[:, dimension] += places
        nearest = torch.cdist(model.decoder(moved).mean(dim=-1), spectra).argmin(dim=1)
        made.append(factors[nearest.numpy()])
    return np.stack(made)


def _measure(made: Float64, at: int, factors: Float64) -> dict[str, float]:
    width = np.ptp(factors, axis=0)
    own = made[:, :, at]
    steps = np.arange(STEPS, dtype=np.float64)
    rises = np.diff(own, axis=1)
    one_way = ((rises >= 0.0).all(axis=1) | (rises <= 0.0).all(axis=1)) & (own[:, 0] != own[:, -1])
    moved = np.ptp(made, axis=1).mean(axis=0) / width
    follows: Sequence[float] = [abs(rank_correlation(steps, line)) for line in own]
    return {
        "follows": float(np.mean(follows)),
        "one way": float(one_way.mean()),
        "range": float(moved[at]),
        "the others": float(np.delete(moved, at).mean()),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run folder or checkpoint of a syntone recipe")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
