"""Whether a plugin gives the same output in every place that it runs.

    python examples/benchmarks/agreement.py timbre-swap [--checkpoint FOLDER] [--json agreement.json]

The reference is `latentfx.apply` on a violin recording at the plugin's rate. It is compared with:

    the plugin, fed in pieces of random lengths
    the same plugin in torch, in one call and in random numbers of blocks, if --checkpoint is given

The table shows the largest difference of any sample. Full scale is 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from signals import violin
from table import print_table, write_json

import latentfx

if TYPE_CHECKING:
    from latentfx.plugin import Plugin

Float32 = NDArray[np.float32]

LIMIT = 1e-4


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name or .onnx file")
    parser.add_argument("--checkpoint", type=Path, help="folder that the swapper was exported from")
    parser.add_argument("--set", nargs="*", default=[], metavar="CONTROL=VALUE", help="controls and blends")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="seed of the random lengths")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    plugin = latentfx.load(arguments.plugin).set(**dict(map(_setting, arguments.set)))
    audio = violin(plugin.sample_rate, arguments.seconds)
    reference = latentfx.apply(audio, plugin=plugin, sample_rate=plugin.sample_rate)
    generator = np.random.default_rng(arguments.seed)
    outputs = {"random pieces of 1 to 5000 samples": _in_pieces(plugin, audio, generator)}
    if arguments.checkpoint:
        torch_plugin = _torch_plugin(arguments.checkpoint)
        blocks = -(-(len(audio) + plugin.latency) // plugin.spec.block_size)
        cuts = np.unique(generator.integers(1, blocks, 40))
        outputs["torch, one call"] = _in_torch(torch_plugin, plugin, audio, np.zeros(0, np.int64))
        outputs["torch, random numbers of blocks"] = _in_torch(torch_plugin, plugin, audio, cuts)
    gaps = {name: float(np.abs(output - reference).max()) for name, output in outputs.items()}
    rows = [(name, f"{gap:.1e}", "yes" if gap < LIMIT else "NO") for name, gap in gaps.items()]
    print(f"{plugin.name}: peak of the output {np.abs(reference).max():.3f}\n")
    print_table(["against latentfx.apply", "largest difference", f"below {LIMIT:g}"], rows)
    write_json(arguments.json, {"plugin": plugin.name, "largest_difference": gaps})


def _setting(text: str) -> tuple[str, float | str]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _in_pieces(plugin: latentfx.LatentPlugin, audio: Float32, generator: np.random.Generator) -> Float32:
    edges = np.cumsum(generator.integers(1, 5001, len(audio)))
    pieces = np.split(audio, edges[edges < len(audio)])
    parts = [plugin(piece, plugin.sample_rate, reset=False) for piece in pieces]
    return np.concatenate([*parts, plugin.flush()])


def _torch_plugin(checkpoint: Path) -> Plugin:
    from latentfx.export.builders.swapper import build_swapper
    from latentfx.training.runs.checkpoint import load_checkpoint

    return build_swapper(load_checkpoint(checkpoint)[0])  # type: ignore[arg-type]  # any other method is refused


def _in_torch(
    torch_plugin: Plugin, plugin: latentfx.LatentPlugin, audio: Float32, cuts: NDArray[np.int64]
) -> Float32:
    """Run the torch plugin over whole blocks, in calls that end at these blocks, and remove its latency."""
    import torch

    size, latency = plugin.spec.block_size, plugin.latency
    padded = np.pad(audio, (0, latency + -(len(audio) + latency) % size))
    controls = torch.from_numpy(plugin.controls.values_row.copy())[None]
    state, parts = torch_plugin.initial_state(), []
    with torch.inference_mode():
        for piece in np.split(padded, cuts * size):
            output, state = torch_plugin(torch.from_numpy(piece)[None, None], controls, state)
            parts.append(output[0, 0].numpy())
    return np.concatenate(parts)[latency:][: len(audio)]


if __name__ == "__main__":
    main()
