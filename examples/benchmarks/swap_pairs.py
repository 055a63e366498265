"""How good a timbre swap is in every direction among several instruments, on notes that no training heard.

    python examples/benchmarks/swap_pairs.py --plugin timbre-swap --data FOLDER [--tunes FOLDER]

FOLDER has a manifest.csv of recorded notes and phrases. Tunes are played on every fourth pitch of each
instrument. The recipe `timbre-swap-held-out` and the instrument classifier hold these pitches out. Half of
the phrases are swapped. The other half are the real phrases that swaps to this instrument are compared
with. Clips of a violin recording (by default movement 4 of Bach's BWV 1003) are swapped too.

    RPA       share of the frames, voiced in the original, whose pitch is within 50 cents of the original's;
              CREPE reads both
    named     share of the swaps that the classifier names as the instrument that was wanted
    FAD       Fréchet distance from the swaps to the real phrases of that instrument, between embeddings of
              the classifier
    halves    the same between two halves of those real phrases, both played from their own STFT magnitudes
              by phase propagation, without a model
    player    the same for the instrument itself, which plays the lines on its other recorded notes: a model
              of it cannot be better

A Fréchet distance shrinks with the number of clips. So all of these are between equal numbers of clips.
Compare them only between runs with the same classifier and the same number of clips.

There is a second row where a player would transpose: lines that fit the target's range better an octave up
or down are played there. Their pitch is compared with that octave. The last column of the summary is the
level of the plugin's output in the second second of silence after a phrase.

With 16 phrases of each of six instruments it takes some 15 minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from swap_quality import (
    SAMPLE_RATE,
    cut_recording,
    find_classifier,
    judging_parser,
    plugin_swap,
    resynthesised,
)
from table import print_table, write_json

import latentfx
from latentfx.cli.bar import Bar
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.evaluations.plain import plain
from latentfx.training.evaluations.swap.held_out import (
    SEGMENT_S,
    RealPlayer,
    heard_in_training,
    held_out_notes,
    held_out_phrases,
)
from latentfx.training.evaluations.swap.pairs import (
    Direction,
    as_if_played,
    level_db,
    named_together,
    octave_into,
    summary,
    voiced_pitches,
)
from latentfx.training.evaluations.swap.swap import Phrase, Swap, clip_distance, evaluate_swap
from latentfx.training.judges.classifier import Classifier
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.metrics.pitch import track_pitch

Float32 = NDArray[np.float32]

SIX = ("violin", "trumpet", "flute", "clarinet", "cello", "altosax")
RECORDING = "violin recording"
SILENCE_S = 2.0
COLUMNS = ("from", "to", "octave", "RPA", "named", "FAD", "halves", "ratio", "player", "loudness corr.")
SUMMARY = ("mean", "RPA", "named", "loudness corr.", "ratio (median)", "player", "silence after a phrase")


class Pairs:
    """Phrases of all instruments, and the judge.

    Args:
        arguments: the command line.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.crepe: CrepeModel = arguments.crepe
        self.classifier = find_classifier(arguments.classifier, arguments.data)
        self.instruments: Sequence[str] = arguments.instruments
        clips = held_out_phrases(
            arguments.data, self.instruments, 2 * arguments.clips, SAMPLE_RATE, arguments.tunes
        )
        audio = {name: [clip.audio for clip in own] for name, own in clips.items()}
        self.references = {name: own[1::2] for name, own in audio.items()}
        self.lines = {name: own[::2] for name, own in clips.items()}
        self.players = {name: RealPlayer(arguments.data, name, SAMPLE_RATE) for name in self.instruments}
        self.sources = {name: self._phrases(own[::2]) for name, own in audio.items()}
        self.halves = {name: self._halves(name) for name in self.instruments}
        if arguments.recording:
            cut = cut_recording(arguments.data, arguments.recording, SEGMENT_S, self.crepe)
            spread = np.linspace(0, len(cut) - 1, min(arguments.clips, len(cut))).astype(int)
            self.sources[RECORDING] = tuple(cut[at] for at in spread)

    def _phrases(self, clips: Iterable[Float32]) -> tuple[Phrase, ...]:
        return tuple(
            Phrase(clip, SAMPLE_RATE, track_pitch(clip, SAMPLE_RATE, self.crepe), 0.0) for clip in clips
        )

    def _halves(self, name: str) -> float:
        first, second = (
            [resynthesised(clip, SAMPLE_RATE, name) for clip in half]
            for half in ((phrase.audio for phrase in self.sources[name]), self.references[name])
        )
        return clip_distance(self.classifier, second, first, SAMPLE_RATE)

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Pairs of every source and every other instrument."""
        return [
            (source, target)
            for source in self.sources
            for target in self.instruments
            if target != source.split()[0]
        ]

    def octave(self, source: str, target: str) -> int:
        """Octave in which a player would play the lines of the source."""
        reach = INSTRUMENTS[target]
        return octave_into(voiced_pitches(self.sources[source]), reach.lowest, reach.highest)

    def judged(self, swap: Swap, source: str, target: str, shift_st: int = 0) -> Direction:
        """Swap all phrases of a source."""
        phrases = [as_if_played(phrase, shift_st) for phrase in self.sources[source]]
        report = evaluate_swap(swap, phrases, [target], self.classifier, self.references, self.crepe)
        player = self._player(source, target, shift_st)
        return Direction(source, target, shift_st, report.scores[0], self.halves[target], player)

    def _player(self, source: str, target: str, shift_st: int) -> float | None:
        """Distance of the target itself, if the lines are known."""
        if source not in self.lines:
            return None
        played = [self.players[target].play(clip, shift_st) for clip in self.lines[source]]
        return clip_distance(self.classifier, self.references[target], played, SAMPLE_RATE)


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    pairs = Pairs(arguments)
    plugin = latentfx.load(arguments.plugin)
    found = _swap_all(pairs, plugin)
    silence_db = {name: _after_silence(pairs, plugin, name) for name in pairs.instruments}
    _print(pairs, found, silence_db)
    heard = heard_in_training(
        plugin.provenance.get("data", {}), held_out_notes(arguments.data, pairs.instruments)
    )
    if heard:
        print(
            f"\nNot held out: training may have heard {len(heard)} of these recorded notes ({heard[0]}, ...)"
        )
    write_json(arguments.json, _figures(pairs, found, silence_db, arguments.plugin, heard))


def _swap_all(pairs: Pairs, plugin: latentfx.LatentPlugin) -> list[Direction]:
    """Swap in every direction, and once more where another octave fits the target better."""
    swap, found = plugin_swap(plugin), []
    with Bar("swaps") as bar:
        for done, (source, target) in enumerate(pairs.directions):
            bar.show(done, len(pairs.directions))
            for shift_st in sorted({0, pairs.octave(source, target)}, key=abs):
                plugin.pitch_st = shift_st
                found.append(pairs.judged(swap, source, target, shift_st))
    plugin.pitch_st = 0
    return found


def _after_silence(pairs: Pairs, plugin: latentfx.LatentPlugin, target: str) -> float:
    """Level in dBFS of the second second of silence after a phrase; the loudest of all instruments."""
    plugin.timbre = target
    silence = np.zeros(round(SILENCE_S * SAMPLE_RATE), np.float32)
    played = [np.concatenate([own[0].audio, silence]) for own in pairs.sources.values()]
    return max(level_db(plugin(audio, SAMPLE_RATE)[-SAMPLE_RATE:]) for audio in played)


def _print(pairs: Pairs, found: Sequence[Direction], silence_db: dict[str, float]) -> None:
    print_table(COLUMNS, [_row(direction) for direction in found])
    print()
    rows = []
    for name in pairs.instruments:
        own = summary(_in_place([direction for direction in found if direction.target == name]))
        figures = [f"{own[key]:.3f}" for key in ("pitch_accuracy", "named", "loudness_correlation")]
        ratios = f"{own['ratio']:.2f}", f"{own['player_ratio']:.2f}"
        rows.append((f"to {name}", *figures, *ratios, f"{silence_db[name]:.0f} dBFS"))
    print_table(SUMMARY, rows)
    for title, chosen in (("as they are", _as_they_are(found)), ("in the target's octave", _in_place(found))):
        all_of = summary(chosen)
        print(
            f"\n{title}: {len(chosen)} directions, RPA {all_of['pitch_accuracy']:.3f} "
            f"(worst {all_of['pitch_accuracy_worst']:.3f}), macro F1 {_f1(pairs, chosen):.3f}, loudness "
            f"{all_of['loudness_correlation']:.3f} (worst {all_of['loudness_correlation_worst']:.3f}), ratio "
            f"{all_of['ratio']:.2f} (median; worst {all_of['ratio_worst']:.2f}); of the instrument itself "
            f"{all_of['player_ratio']:.2f} (worst {all_of['player_ratio_worst']:.2f}), over which ours is "
            f"{all_of['over_player']:.2f} (median)"
        )


def _row(direction: Direction) -> tuple[str, ...]:
    score = direction.score
    octave = f"{direction.shift_st // 12:+d}" if direction.shift_st else ""
    accuracy, named, loudness = (
        f"{value:.3f}" for value in (score.pitch_accuracy, score.named, score.loudness_correlation)
    )
    distance, halves, ratio = (
        f"{value:.2f}" for value in (score.frechet_distance, direction.halves, direction.ratio)
    )
    player = "" if direction.player_ratio is None else f"{direction.player_ratio:.2f}"
    which = direction.source, direction.target, octave
    return (*which, accuracy, named, distance, halves, ratio, player, loudness)


def _as_they_are(found: Sequence[Direction]) -> list[Direction]:
    return [direction for direction in found if direction.shift_st == 0]


def _in_place(found: Sequence[Direction]) -> list[Direction]:
    """Each direction in the octave that fits it: the last that was played."""
    return list({(direction.source, direction.target): direction for direction in found}.values())


def _f1(pairs: Pairs, chosen: Sequence[Direction]) -> float:
    """Mean F1 of the instruments asked for."""
    together = named_together(pairs.classifier.labels, [direction.score for direction in chosen])
    return float(np.mean([together.f1[name] for name in pairs.instruments]))


def _figures(
    pairs: Pairs,
    found: Sequence[Direction],
    silence_db: dict[str, float],
    plugin: str,
    heard: Sequence[str],
) -> dict[str, Any]:
    judge: Classifier = pairs.classifier
    return {
        "plugin": plugin,
        "clips": {name: len(own) for name, own in pairs.sources.items()},
        "directions": [{**plain(direction), "ratio": direction.ratio} for direction in found],
        **{
            name: plain({**summary(chosen), "macro_f1": _f1(pairs, chosen)})
            for name, chosen in (("as_they_are", _as_they_are(found)), ("in_place", _in_place(found)))
        },
        "silence_db": silence_db,
        "heard_in_training": list(heard),
        "classifier": judge.report,
    }


def _arguments() -> argparse.Namespace:
    parser = judging_parser(__doc__)
    parser.add_argument("--plugin", default="timbre-swap", help="name or .onnx file")
    parser.add_argument("--tunes", type=Path, help="folder of MIDI tunes; by default melodies are made up")
    parser.add_argument("--instruments", nargs="+", default=SIX, help="two or more instruments")
    parser.add_argument("--clips", type=int, default=16, help="phrases of 4 s that each instrument plays")
    parser.add_argument(
        "--recording",
        default="phrases/violin/*mov4*",
        help="glob of a recording that is swapped too; '' for none",
    )
    parser.add_argument("--crepe", choices=["tiny", "full"], default="tiny")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
