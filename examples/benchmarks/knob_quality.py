"""What each knob of a steered plugin does, on recordings: the evidence for the names of its dimensions.

    latentfx train latent-knobs --data FOLDER
    latentfx export runs/latent-knobs knobs.onnx
    python examples/benchmarks/knob_quality.py knobs.onnx RECORDING... [--clips 20] [--json OUT]

At rest, against the input:

    RPA        share of the voiced frames that keep their pitch within 50 cents, by CREPE
    loudness   correlation of the loudness of both

Then each offset knob goes from -2 to 2 standard deviations in five steps, alone, and the properties of each
clip are read (`latentfx.training.metrics.tones`): pitch, level, brightness over the pitch, odd over even
partials, breath. For each knob and property:

    monotone   share of the clips in which the property moves one way from step to step
    moved      mean change from -2 to 2, in deviations of that property over the clips at rest

A knob gets the name of the property that it moves most, if it is monotone in 90 % of the clips and every
other property moves less than half as far; `names` of the recipe can then say it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from table import print_table, write_json

import latentfx
from latentfx.training.data.recording import read_audio
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.metrics.pitch import raw_pitch_accuracy, track_pitch
from latentfx.training.metrics.spectral import loudness_correlation
from latentfx.training.metrics.tones import PROPERTIES, describe_tone

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]
PLACES = (-2.0, -1.0, 0.0, 1.0, 2.0)
RATE, FAINT = 48_000, 1e-3
MONOTONE, APART = 0.9, 0.5


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    clips = _clips(arguments.recordings, arguments.clip_s, arguments.clips)
    plugin = latentfx.load(arguments.plugin)
    knobs = [control.name for control in plugin.spec.controls if control.name.endswith("_sd")]
    accuracy, loudness = _at_rest(plugin, clips, arguments.crepe)
    print(
        f"{len(clips)} clips of {arguments.clip_s:g} s; at rest RPA {accuracy:.3f}, loudness {loudness:.3f}\n"
    )
    widths = np.nanstd([_properties(plugin(clip, RATE)) for clip in clips], axis=0)
    rows, figures = [], {}
    for knob in knobs:
        steps = np.array([[_properties(_played(plugin, clip, knob, at)) for at in PLACES] for clip in clips])
        found = _moves(steps, widths)
        figures[knob] = {"properties": found, "name": _name(found)}
        rows.append(
            [knob, *(f"{f['monotone']:.2f}, {f['moved']:+.2f}" for f in found.values()), _name(found)]
        )
        print(f"{knob}: {_name(found) or 'no name'}", flush=True)
    print()
    print_table(["knob", *(f"{name}: monotone, moved" for name in PROPERTIES), "name"], rows)
    write_json(arguments.json, {"rpa": accuracy, "loudness": loudness, "clips": len(clips), "knobs": figures})


def _at_rest(
    plugin: latentfx.LatentPlugin, clips: Sequence[Float32], crepe: CrepeModel
) -> tuple[float, float]:
    accuracies, loudnesses = [], []
    for clip in clips:
        heard = plugin(clip, RATE)
        before, after = (track_pitch(audio, RATE, crepe) for audio in (clip, heard))
        if before.voiced.any():
            accuracies.append(raw_pitch_accuracy(before.f0_hz, after.f0_hz, before.voiced))
        loudnesses.append(loudness_correlation(clip, heard, RATE))
    return float(np.mean(accuracies)), float(np.mean(loudnesses))


def _played(plugin: latentfx.LatentPlugin, clip: Float32, knob: str, at: float) -> Float32:
    setattr(plugin, knob, at)
    heard: Float32 = plugin(clip, RATE)
    setattr(plugin, knob, 0.0)
    return heard


def _properties(audio: Float32) -> list[float]:
    """Properties of a clip, in the order of `PROPERTIES`."""
    found = describe_tone(audio, RATE)
    return [found[name] for name in PROPERTIES]


def _moves(steps: Float64, widths: Float64) -> dict[str, dict[str, float]]:
    """Shape: steps [clips, places, properties], widths [properties]."""
    rises = np.diff(steps, axis=1)
    one_way = (rises > 0.0).all(axis=1) | (rises < 0.0).all(axis=1)
    moved = np.nanmean(steps[:, -1] - steps[:, 0], axis=0) / np.maximum(widths, 1e-9)
    return {
        name: {"monotone": float(one_way[:, at].mean()), "moved": float(moved[at])}
        for at, name in enumerate(PROPERTIES)
    }


def _name(found: Mapping[str, Mapping[str, float]]) -> str:
    """The property that a knob moves alone; empty where there is none."""
    ordered = sorted(found, key=lambda name: -abs(found[name]["moved"]))
    first, second = (abs(found[name]["moved"]) for name in ordered[:2])
    alone = second < APART * first and found[ordered[0]]["monotone"] >= MONOTONE
    return ordered[0] if alone else ""


def _clips(recordings: Sequence[Path], clip_s: float, most: int) -> list[Float32]:
    """Loud pieces of the recordings, evenly thinned."""
    size = round(clip_s * RATE)
    found = []
    for file in recordings:
        audio = read_audio(file, RATE)
        pieces = [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]
        found += [piece for piece in pieces if np.sqrt(np.mean(piece**2)) > 10.0 * FAINT]
    keep = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
    return [found[at] for at in keep.tolist()]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="plugin file with the operator steer")
    parser.add_argument("recordings", nargs="+", type=Path, help="sound files that no training heard")
    parser.add_argument("--clips", type=int, default=20, help="at most so many clips")
    parser.add_argument("--clip-s", type=float, default=1.0, help="seconds of a clip")
    parser.add_argument("--crepe", default="tiny", choices=("tiny", "full"), help="pitch tracker")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
