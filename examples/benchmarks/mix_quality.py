"""How well the latent mixer takes a stem out of a mix, on songs that no training heard.

    python examples/benchmarks/mix_quality.py --data FOLDER [--songs '3sodium*' '4potassium*'] [--run RUN ...]

FOLDER holds a folder of stems for each song. Each stem is taken out of its mix. What is left is compared
with the sum of the other stems. The table shows by how much the SI-SDR is better than that of the mix
itself, as the mean over all stems. The stem comes as it is in the mix, or 10 ms late, or upside down.

Each mask multiplies the mix's spectrum:

    oracle               |rest| / |mix|, 1 at most; it knows the answer
    observed magnitudes  (|mix| - |stem|) / |mix|, 0 at least
    decoded magnitudes   the same, of the magnitudes that the autoencoder decodes of both, without h
    embeddings, no h     decoded from f(mix) - f(stem)
    the plugin           decoded from hinv(h(f(mix)) - h(f(stem)))

With resynthesis the plugin takes the decoded magnitudes, with the phases of the waves' difference.

Three more measurements follow:

    a stem is added (by resynthesis) and taken away again (by the mask): is the mix left?
    a stem is added to silence: how loud is it, against itself?
    do stems add up? |h(f(mix)) - sum h(f(stem))| / |h(f(mix))| by frame, of the plugin and of training runs

For a run with a random encoder: latentfx train latent-mix --set train.stages.reconstruct.steps=1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from mix_measures import (
    RATE,
    Excerpt,
    additivity,
    convergence_db,
    find_excerpts,
    masked,
    masks_for,
    networks_of,
    si_sdr,
)
from numpy.typing import NDArray
from table import print_table, write_json

import latentfx
from latentfx.methods.oplas.mix.networks import MixNetworks

Float32 = NDArray[np.float32]

LATE_S = 0.01
NOTHING, PLUGIN = "the mix itself", "the plugin"


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    excerpts = find_excerpts(arguments.data, arguments.songs, arguments.seconds)
    plugin = latentfx.load(arguments.plugin)
    networks = networks_of(arguments.plugin)
    columns = {"as in the mix": _same, "10 ms late": _late, "upside down": _turned}
    removal = {name: _removal(excerpts, plugin, networks, change) for name, change in columns.items()}
    methods = list(next(iter(removal.values())))
    print(f"{len(excerpts)} stems of {len({e.song for e in excerpts})} excerpts of {arguments.seconds:g} s\n")
    rows = [(method, *(f"{np.mean(removal[name][method]):.1f}" for name in columns)) for method in methods]
    print_table(["SI-SDR improvement, dB", *columns], rows)
    back = _there_and_back(excerpts, plugin)
    print("\nAdded and taken away again, magnitudes against those of the original:\n")
    print_table(["way", "spectral convergence, dB"], [(k, f"{np.mean(v):.1f}") for k, v in back.items()])
    levels = [_added_to_silence(excerpt.stem, plugin) for excerpt in excerpts]
    print(f"\nA stem added to silence: {np.mean(levels):+.1f} dB ({min(levels):+.1f} to {max(levels):+.1f})")
    sums = {PLUGIN: additivity(networks, excerpts)}
    sums |= {str(run): additivity(networks_of(run), excerpts) for run in arguments.run}
    print("\nSums of stems against the mix, mean over frames:\n")
    print_table(["", "with h", "without h"], [(k, f"{a:.3f}", f"{b:.3f}") for k, (a, b) in sums.items()])
    figures = {"removal_db": removal, "there_and_back_db": back, "silence_db": levels, "additivity": sums}
    write_json(arguments.json, {"plugin": str(arguments.plugin), "songs": arguments.songs, **figures})


def _removal(
    excerpts: list[Excerpt], plugin: latentfx.LatentPlugin, networks: MixNetworks, change: object
) -> dict[str, list[float]]:
    """Improvement of each method on each stem, dB."""
    found: dict[str, list[float]] = {}
    for excerpt in excerpts:
        side = change(excerpt.stem)  # type: ignore[operator]
        base = si_sdr(excerpt.mix, excerpt.rest)
        ways = {
            "difference of the waves": excerpt.mix - side,
            **{
                name: masked(excerpt.mix, mask)
                for name, mask in masks_for(networks, excerpt.mix, side, excerpt.rest).items()
            },
            PLUGIN: run(plugin, excerpt.mix, side, side_gain=-1.0),
            f"{PLUGIN}, resynthesis": run(plugin, excerpt.mix, side, side_gain=-1.0, resynthesis=1.0),
        }
        for name, audio in ways.items():
            found.setdefault(name, []).append(si_sdr(audio, excerpt.rest) - base)
        print(f"{excerpt.song} without {excerpt.name}: {found[PLUGIN][-1]:.1f} dB", flush=True)
    return found


def _there_and_back(excerpts: list[Excerpt], plugin: latentfx.LatentPlugin) -> dict[str, list[float]]:
    """Error of the rest, after the stem is added and taken away by two plugins in a row, and by one."""
    found: dict[str, list[float]] = {
        "added and taken away": [],
        "resynthesis, nothing added": [],
        "added, against the mix": [],
    }
    for excerpt in excerpts:
        added = run(plugin, excerpt.rest, excerpt.stem, side_gain=1.0, resynthesis=1.0)
        back = run(plugin, added, excerpt.stem, side_gain=-1.0)
        alone = run(plugin, excerpt.rest, 0 * excerpt.stem, side_gain=0.0, resynthesis=1.0)
        found["added and taken away"].append(convergence_db(back, excerpt.rest))
        found["resynthesis, nothing added"].append(convergence_db(alone, excerpt.rest))
        found["added, against the mix"].append(convergence_db(added, excerpt.mix))
    return found


def _added_to_silence(stem: Float32, plugin: latentfx.LatentPlugin) -> float:
    """Level of a stem that was added to silence by resynthesis, against its own, dB."""
    added = run(plugin, 0 * stem, stem, side_gain=1.0, resynthesis=1.0)
    return float(10.0 * np.log10(np.mean(added**2, dtype=np.float64) / np.mean(stem**2, dtype=np.float64)))


def run(plugin: latentfx.LatentPlugin, main: Float32, side: Float32, **controls: float) -> Float32:
    """Run the plugin with these controls; the others keep their defaults."""
    fresh = plugin.copy()
    out: Float32 = fresh.set(**controls)(np.stack([main, side]), RATE)
    return out.reshape(-1)


def _same(stem: Float32) -> Float32:
    return stem


def _late(stem: Float32) -> Float32:
    by = round(LATE_S * RATE)
    return np.concatenate([np.zeros(by, np.float32), stem[:-by]])


def _turned(stem: Float32) -> Float32:
    return -stem


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plugin", default="latent-mix", help="name or .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="folder of songs as stems")
    parser.add_argument("--songs", nargs="+", default=["3sodium*", "4potassium*"], help="held-out songs")
    parser.add_argument("--seconds", type=float, default=15.0, help="length taken of each song")
    parser.add_argument(
        "--run", type=Path, nargs="*", default=[], help="checkpoints whose sums are compared too"
    )
    parser.add_argument("--json", type=Path, help="write every figure here")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
