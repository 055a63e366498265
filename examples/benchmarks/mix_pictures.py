"""Pictures of the latent mixer on songs that no training heard.

    python examples/benchmarks/mix_pictures.py --data FOLDER [--song 4potassium_090s --stem trap-beat]

mix-space.png shows frames of the stems, of their mix, and of the sums of the stems, before the projector and
after it, by PCA and by UMAP (umap-learn). A line joins each mix to the sum of its stems.

mix-minus-drums.png shows four spectra: the mix, its drums, what the plugin leaves, and what should be left.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mix_measures import HOP, RATE, Excerpt, embeddings, find_excerpts, networks_of, si_sdr, spectrum
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from umap import UMAP

import latentfx

SHOWN_S = 6.0
FRAMES = 60
RANGE_DB = 80.0
SPACES = {"f": "embeddings", "h": "projected"}


def main() -> None:
    """Draw both pictures."""
    arguments = _arguments()
    found = [
        excerpt
        for excerpt in find_excerpts(arguments.data, [arguments.song], arguments.seconds)
        if excerpt.name == arguments.stem
    ]
    if not found:
        raise SystemExit(f"no stem {arguments.stem!r} of {arguments.song!r} below {arguments.data}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    draw_space(found[0], arguments.plugin, arguments.out / "mix-space.png")
    draw_removal(found[0], arguments.plugin, arguments.out / "mix-minus-drums.png")


def draw_space(excerpt: Excerpt, plugin: str, target: Path) -> None:
    """Stems, sums and mixes in two dimensions, in both spaces."""
    with torch.no_grad():
        spaces = embeddings(networks_of(plugin), (excerpt.stem, *excerpt.others))
    figure = Figure(figsize=(9, 8), layout="constrained")
    grid = figure.subplots(2, 2)
    for column, (name, title) in enumerate(SPACES.items()):
        points = spaces[name][:, :: max(1, spaces[name].shape[1] // FRAMES)][:, :FRAMES].double()
        stems, mix, sums = points[:-1], points[-1], points[:-1].sum(0)
        every = torch.cat([stems.flatten(0, 1), sums, mix]).numpy()
        methods = {
            "PCA": PCA(2).fit_transform(every),
            "UMAP": UMAP(n_components=2, n_jobs=1, random_state=0).fit_transform(every),
        }
        error = float(((sums - mix).norm(dim=-1) / mix.norm(dim=-1)).mean())
        for axes, (method, flat) in zip(grid[:, column], methods.items(), strict=True):
            _scatter(axes, flat, len(stems))
            axes.set_title(f"{title}, {method}: |mix - sum| / |mix| = {error:.2f}", fontsize=9)
    grid[0, 0].legend(fontsize=8)
    figure.savefig(target, dpi=90)
    print(target)


def _scatter(axes: Axes, flat: NDArray[np.float64], stems: int) -> None:
    groups = flat.reshape(stems + 2, -1, 2)
    for index, group in enumerate(groups[:stems]):
        axes.scatter(*group.T, s=6, alpha=0.4, label=f"stem {index + 1}")
    sums, mix = groups[-2], groups[-1]
    for pair in np.stack([sums, mix], 1):
        axes.plot(*pair.T, color="grey", linewidth=0.5)
    axes.scatter(*sums.T, s=14, marker="x", color="black", label="sum of the stems")
    axes.scatter(*mix.T, s=14, facecolors="none", edgecolors="red", label="mix")
    axes.set_xticks([])
    axes.set_yticks([])


def draw_removal(excerpt: Excerpt, plugin: str, target: Path) -> None:
    """A mix, a stem, what the plugin leaves, and what should be left."""
    left = latentfx.load(plugin).set(side_gain=-1.0)(np.stack([excerpt.mix, excerpt.stem]), RATE).reshape(-1)
    gained = si_sdr(left, excerpt.rest) - si_sdr(excerpt.mix, excerpt.rest)
    panels = {
        f"mix ({excerpt.song})": excerpt.mix,
        f"stem: {excerpt.name}": excerpt.stem,
        f"mix minus stem, by the plugin: SI-SDR {gained:+.1f} dB": left,
        "the other stems": excerpt.rest,
    }
    figure = Figure(figsize=(9, 9), layout="constrained")
    rows = figure.subplots(4, 1, sharex=True)
    begin = max(0, (len(excerpt.mix) - round(SHOWN_S * RATE)) // 2)
    for axes, (title, audio) in zip(rows, panels.items(), strict=True):
        re, im = spectrum(audio[begin : begin + round(SHOWN_S * RATE)])
        level_db = 20.0 * torch.log10(torch.sqrt(re.square() + im.square()) * 4.0 / 2048 + 1e-9)
        axes.imshow(
            level_db[:512].numpy(),
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-RANGE_DB - 10.0,
            vmax=-10.0,
            extent=(0.0, level_db.shape[1] * HOP / RATE, 0.0, 12.0),
        )
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_ylabel("kHz")
    rows[-1].set_xlabel("seconds")
    figure.savefig(target, dpi=90)
    print(target)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plugin", default="latent-mix", help="name or .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="folder of songs as stems")
    parser.add_argument("--song", default="4potassium_090s", help="a held-out song")
    parser.add_argument("--stem", default="trap-beat", help="the stem that is taken out")
    parser.add_argument("--seconds", type=float, default=15.0, help="length taken of the song")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the pictures")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
