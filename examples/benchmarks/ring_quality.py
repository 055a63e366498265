"""Whether the ring plugin moves the pitch class by the steps asked for, on a held-out recording.

    python examples/benchmarks/ring_quality.py --plugin ring --data FOLDER [--order fifths]

Clips are cut from the recording as in swap_quality.py. They go through the plugin for every number of steps
from -6 to 6. CREPE reads the pitch before and after.

    right          share of the frames, voiced in the original, whose pitch class is within 50 cents of the
                   original's plus the steps (times seven in the order of fifths)
    where else     of the other frames: how many semitones they lie from the wanted pitch class
    octave kept    share of the right frames that stay in the original's octave, counted from `root`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from swap_quality import cut_recording
from table import print_table, write_json

import latentfx
from latentfx.training.evaluations.swap.swap import Phrase
from latentfx.training.metrics.pitch import track_pitch

Float64 = NDArray[np.float64]

CLASSES = 12
FIFTH = 7
IN_TUNE_ST = 0.5
RATE = 48_000


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    phrases = cut_recording(arguments.data, arguments.recording, arguments.clip_s, arguments.crepe)
    phrases = phrases[:: max(1, len(phrases) // arguments.clips)] if arguments.clips else phrases
    plugin = latentfx.load(arguments.plugin).set(
        order=float(arguments.order == "fifths"), root=float(arguments.root)
    )
    size = FIFTH if arguments.order == "fifths" else 1
    rows, figures = [], {}
    for steps in range(-arguments.most, arguments.most + 1):
        plugin.steps = steps
        before, after = _pitches(plugin, phrases, arguments.crepe)
        right, kept, missed = _score(before, after, steps * size, arguments.root)
        figures[steps] = {"right": right, "octave_kept": kept, "missed_by_semitones": missed}
        fell = ", ".join(
            f"{apart:+d}: {100 * share:.1f} %" for apart, share in missed.items() if share >= 0.005
        )
        rows.append((f"{steps:+d}", f"{right:.3f}", f"{kept:.3f}", fell))
        print(f"{steps:+d}: {right:.3f}", flush=True)
    print(
        f"\n{len(phrases)} clips of {arguments.clip_s:g} s, {len(before)} voiced frames, {arguments.order}\n"
    )
    print_table(["steps", "right", "octave kept", "semitones beside the wanted class"], rows)
    write_json(arguments.json, {"plugin": arguments.plugin, "order": arguments.order, "steps": figures})


def _pitches(
    plugin: latentfx.LatentPlugin, phrases: tuple[Phrase, ...], crepe: str
) -> tuple[Float64, Float64]:
    """Pitches of the voiced frames before and after, semitones above C0."""
    before, after = [], []
    for phrase in phrases:
        heard = track_pitch(plugin(phrase.audio, RATE), RATE, crepe)
        voiced = phrase.pitch.voiced
        before.append(phrase.pitch.f0_hz[voiced])
        after.append(heard.f0_hz[voiced])
    return _semitones(np.concatenate(before)), _semitones(np.concatenate(after))


def _semitones(f0_hz: Float64) -> Float64:
    return 57.0 + CLASSES * np.log2(np.maximum(f0_hz, 1.0) / 440.0)


def _score(
    before: Float64, after: Float64, semitones: int, root: int
) -> tuple[float, float, dict[int, float]]:
    """Share in the right pitch class, share of those in the right octave, and intervals of the others."""
    place = np.mod(before - root + IN_TUNE_ST, CLASSES)
    wanted = before - place + np.mod(place + semitones, CLASSES)
    apart = after - wanted
    beside = np.mod(apart + CLASSES / 2, CLASSES) - CLASSES / 2
    right = np.abs(beside) < IN_TUNE_ST
    kept = float((np.abs(apart) < IN_TUNE_ST)[right].mean()) if right.any() else 0.0
    fell = np.round(beside[~right]).astype(int)
    missed = {int(k): float((fell == k).sum() / len(before)) for k in np.unique(fell)}
    return float(right.mean()), kept, missed


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plugin", default="ring", help="name or .onnx file")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--recording", default="phrases/violin/*mov4*", help="glob of the held-out recording")
    parser.add_argument("--order", choices=["chromatic", "fifths"], default="chromatic")
    parser.add_argument(
        "--root", type=int, default=7, help="0 for C to 11 for B; a violin's octaves begin at G"
    )
    parser.add_argument("--most", type=int, default=6, help="most steps to either side")
    parser.add_argument("--crepe", choices=["tiny", "full"], default="tiny")
    parser.add_argument("--clip-s", type=float, default=3.5, help="length of a clip in seconds")
    parser.add_argument(
        "--clips",
        type=int,
        default=0,
        help="about how many clips, evenly spread over the recording; 0 takes all",
    )
    parser.add_argument("--json", type=Path, help="write every figure here")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
