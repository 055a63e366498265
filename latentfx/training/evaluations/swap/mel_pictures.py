"""Pictures of swaps as log-mels: two clips, the first one decoded, and both swaps of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from latentfx.files import whole_file
from latentfx.training.evaluations.swap.protocol import audio_at
from latentfx.training.evaluations.swap.real_clips import RealClip
from latentfx.training.evaluations.swap.swapper import Codes, SwappingModel

ROWS = 4
DYNAMIC_NATS = 12.0
COLUMNS = (
    "x",
    "x_j",
    "reconstruction of x",
    "v-swap: line of x, timbre of x_j",
    "z-swap: line of x_j, timbre of x",
)


def draw_swaps(target: Path, title: str, swapper: SwappingModel, real: Sequence[RealClip]) -> Path:
    """Draw log-mels of up to four pairs of clips, each of two instruments, into a PNG.

    Args:
        target: the file.
        title: above the picture.
        swapper: the model.
        real: clips.
    """
    pairs = choose_pairs([item.instrument for item in real])
    figure = Figure(figsize=(15, 2.6 * len(pairs) + 0.6), dpi=100, layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(len(pairs), len(COLUMNS), squeeze=False, sharex=True, sharey=True)
    for row, (i, j) in zip(axes, pairs, strict=True):
        x, x_j = (swapper.encode(audio_at(real[at].clip, swapper.sample_rate)) for at in (i, j))
        decodes = [x, Codes(x.z, x_j.v), Codes(x_j.z, x.v)]
        mels = [real[i].log_mel, real[j].log_mel, *(swapper.log_mel(codes) for codes in decodes)]
        top = max(float(mel.max()) for mel in mels[:2])
        for ax, mel in zip(row, mels, strict=True):
            ax.imshow(mel.T, origin="lower", aspect="auto", cmap="magma", vmin=top - DYNAMIC_NATS, vmax=top)
        row[0].set_ylabel(f"{real[i].instrument}, {real[j].instrument}\nmel band")
    for ax, name in zip(axes[0], COLUMNS, strict=True):
        ax.set_title(name, fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("frame")
    with whole_file(target) as part:
        figure.savefig(part, format="png")
    return target


def choose_pairs(instruments: Sequence[str]) -> list[tuple[int, int]]:
    """Each instrument with the next, round the circle; with two of them, two pairs each way.

    >>> choose_pairs(["violin", "violin", "trumpet", "trumpet"])
    [(0, 2), (2, 0), (1, 3), (3, 1)]
    """
    names = list(dict.fromkeys(instruments))
    clips = {name: [at for at, own in enumerate(instruments) if own == name] for name in names}
    depth = min(len(own) for own in clips.values())
    pairs = [
        (clips[name][take], clips[names[(at + 1) % len(names)]][take])
        for take in range(depth)
        for at, name in enumerate(names)
    ]
    return pairs[:ROWS]
