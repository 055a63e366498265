"""The appendix of SynTone for one model: what it reconstructs, what it makes, what each dimension does.

    latentfx train syntone-vae
    python examples/benchmarks/syntone_pictures.py runs/syntone-vae --out syntone-vae

The folder gets

    reconstructions.png    tones and their reconstructions as waveform, spectrum and mel image
    samples.png            the same of random codes
    traversals.png         ten steps of each dimension, from -3 to 3 standard deviations of the data's codes
    audio/*.wav            every tone, reconstruction and sample, by Griffin-Lim
    dimensions.md, .json   what each dimension does

What a dimension does is said in two ways. `data` is the rank correlation of its code with a property of the
tone: frequency, amplitude, spectral centroid, and the power of odd partials over even ones. `steered` moves
the dimension alone, in ten steps from the code of each of some tones, and correlates the steps with the same
properties of what is decoded, one tone at a time: the mean over the tones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from table import print_table
from torch import Tensor

from latentfx.errors import CheckpointError
from latentfx.methods.syntone.model import SynTone
from latentfx.training.data.sources.waveforms import SHAPES, Tone, play
from latentfx.training.metrics.descriptors import NAMES, describe_spectrum, rank_correlation
from latentfx.training.runs.checkpoint import load_checkpoint

Float64 = NDArray[np.float64]
STEPS, REACH = 10, 3.0
SHOWN_HZ, SHOWN_AMPLITUDE, SECONDS = 1000.0, 0.6, 1.0
SHOWN_SAMPLES = 2048
LABELS = {
    "level_db": "amplitude",
    "frequency_hz": "frequency",
    "centroid_hz": "spectral centroid",
    "odd_even_db": "odd over even partials",
}


def main() -> None:
    """Draw the pictures, write the sounds and the table."""
    arguments = _arguments()
    model, _ = load_checkpoint(arguments.run)
    if not isinstance(model, SynTone):
        raise CheckpointError(f"{arguments.run} is a {type(model).__name__}; give a run of a syntone recipe")
    torch.manual_seed(arguments.seed)
    tones = _grid(arguments.tones, arguments.seed)
    with torch.no_grad():
        images = _images(model, tones)
        codes = _codes(model, images)
        shown = [Tone(shape, SHOWN_AMPLITUDE, SHOWN_HZ) for shape in SHAPES]
        truth = _images(model, shown)
        decoded = model.decoder(_codes(model, truth))
        drawn = model.decoder(torch.randn(len(SHAPES), codes.shape[1]))
        _draw(
            arguments.out,
            "reconstructions",
            model,
            [*truth, *decoded],
            [*SHAPES, *(f"{s}, decoded" for s in SHAPES)],
        )
        _draw(arguments.out, "samples", model, list(drawn), [f"sample {n}" for n in range(len(drawn))])
        _draw_traversals(arguments.out / "traversals.png", model, codes)
        table = _measure(model, tones, codes, arguments.steered)
    rows = [[f"z{number}", *(_cell(found[name]) for name in NAMES)] for number, found in enumerate(table)]
    columns = ["dimension", *(f"{LABELS[name]}, data / steered" for name in NAMES)]
    lines = [columns, ["---"] * len(columns), *rows]
    page = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    (arguments.out / "dimensions.md").write_text(page + "\n", encoding="utf-8")
    (arguments.out / "dimensions.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    print_table(columns, rows)


def _measure(
    model: SynTone, tones: Sequence[Tone], codes: Tensor, steered: int
) -> list[dict[str, dict[str, float]]]:
    """What each dimension does: by property, its correlation in the data and where it alone is moved."""
    properties = _columns([_of_tone(tone, model.sample_rate) for tone in tones])
    spread, places = codes.std(dim=0), torch.linspace(-REACH, REACH, STEPS)
    found = []
    for dimension in range(codes.shape[1]):
        alone: dict[str, list[float]] = {name: [] for name in NAMES}
        for code in codes[:steered]:
            moved = code.repeat(STEPS, 1)
            moved[:, dimension] = codes.mean(dim=0)[dimension] + places * spread[dimension]
            heard = _columns([_of_image(model, image) for image in model.decoder(moved)])
            for name in NAMES:
                alone[name].append(rank_correlation(places.double().numpy(), heard[name]))
        own = codes[:, dimension].double().numpy()
        found.append(
            {
                name: {
                    "data": rank_correlation(own, properties[name]),
                    "steered": float(np.mean(alone[name])),
                }
                for name in NAMES
            }
        )
    return found


def _of_tone(tone: Tone, sample_rate: int) -> Mapping[str, float]:
    wave = play(tone, sample_rate, SECONDS).astype(np.float64)
    found = describe_spectrum(np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2, sample_rate)
    return {**found, "frequency_hz": tone.frequency_hz, "level_db": 20.0 * np.log10(tone.amplitude)}


def _of_image(model: SynTone, image: Tensor) -> Mapping[str, float]:
    middle = image.shape[1] // 2
    power = model.images.linear_power(image[:, middle : middle + 1])[:, 0]
    return describe_spectrum(power.double().numpy(), model.sample_rate)


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, Float64]:
    return {name: np.array([row[name] for row in rows]) for name in NAMES}


def _grid(count: int, seed: int) -> list[Tone]:
    """Random points of the published grid."""
    rng = np.random.default_rng(seed)
    frequencies, amplitudes = np.linspace(440.0, 8000.0, 400), np.linspace(0.1, 1.0, 20)
    return [
        Tone(str(rng.choice(SHAPES)), float(rng.choice(amplitudes)), float(rng.choice(frequencies)))
        for _ in range(count)
    ]


def _images(model: SynTone, tones: Sequence[Tone]) -> Tensor:
    audio = np.stack([play(tone, model.sample_rate, SECONDS) for tone in tones])
    images: Tensor = model.images(model.images.power(torch.from_numpy(audio)))
    return images


def _codes(model: SynTone, images: Tensor) -> Tensor:
    return torch.cat([model.encoder(part)[0] for part in images.split(64)])


def _draw(out: Path, name: str, model: SynTone, images: Sequence[Tensor], titles: Sequence[str]) -> None:
    """Waveform, spectrum and mel of each image, and its sound."""
    (out / "audio").mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(13, 1.9 * len(images)), dpi=90, layout="constrained")
    axes = figure.subplots(len(images), 3, squeeze=False)
    rate = model.sample_rate
    for row, image, title in zip(axes, images, titles, strict=True):
        audio = model.images.audio(image)
        peak = max(float(np.abs(audio).max()), 1e-9)
        file = out / "audio" / f"{name}-{title.replace(', ', '-').replace(' ', '-')}.wav"
        soundfile.write(file, 0.5 * audio / peak, rate)
        middle = audio[len(audio) // 2 :][:SHOWN_SAMPLES]
        row[0].plot(1000.0 * np.arange(len(middle[:256])) / rate, middle[:256], linewidth=0.8)
        row[0].set_ylabel(title, fontsize=8)
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        levels = 20.0 * np.log10(np.maximum(spectrum / max(spectrum.max(), 1e-9), 1e-4))
        row[1].plot(np.fft.rfftfreq(len(middle), 1.0 / rate), levels, linewidth=0.8)
        row[2].imshow(image, origin="lower", aspect="auto", cmap="magma", vmin=0.0)
    for ax, label in zip(axes[-1], ("ms", "Hz (level, dB)", "frame (mel band)"), strict=True):
        ax.set_xlabel(label)
    figure.savefig(out / f"{name}.png")


def _draw_traversals(target: Path, model: SynTone, codes: Tensor) -> None:
    """Ten steps of each dimension, from the mean code of the data."""
    size = codes.shape[1]
    figure = Figure(figsize=(1.1 * STEPS, 1.2 * size), dpi=90, layout="constrained")
    axes = figure.subplots(size, STEPS, squeeze=False)
    places = torch.linspace(-REACH, REACH, STEPS)
    for dimension, row in enumerate(axes):
        moved = codes.mean(dim=0).repeat(STEPS, 1)
        moved[:, dimension] += places * codes[:, dimension].std()
        for ax, image, place in zip(row, model.decoder(moved), places.tolist(), strict=True):
            ax.imshow(image, origin="lower", aspect="auto", cmap="magma", vmin=0.0)
            ax.set_xticks([])
            ax.set_yticks([])
            if dimension == 0:
                ax.set_title(f"{place:+.1f}", fontsize=8)
        row[0].set_ylabel(f"z{dimension}", fontsize=8)
    figure.savefig(target)


def _cell(found: Mapping[str, float]) -> str:
    return f"{found['data']:+.2f} / {found['steered']:+.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="run folder or checkpoint of a syntone recipe")
    parser.add_argument("--out", type=Path, default=Path("syntone-pictures"), help="folder to write")
    parser.add_argument("--tones", type=int, default=400, help="tones whose codes are measured")
    parser.add_argument("--steered", type=int, default=20, help="tones from which each dimension is moved")
    parser.add_argument("--seed", type=int, default=0, help="of tones and random codes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
