"""How well a timbre swap keeps the tune and is taken for the new instrument, on a held-out recording.

    python examples/benchmarks/swap_quality.py --plugin timbre-swap --data FOLDER [--classifier FILE]

FOLDER has a manifest.csv of recorded notes and phrases. The recording (by default movement 4 of Bach's BWV
1003, which no training heard) is cut into clips of 3.5 s. A clip is kept when CREPE finds at least 80 % of
its frames voiced (confidence of 0.5 or more). This leaves out double stops and rests. Every clip goes
through the plugin for each timbre.

    RPA       share of the frames, voiced in the original, whose pitch is within 50 cents of the original's;
              CREPE reads both
    named     share of the clips that a classifier names as the timbre that was wanted; it was trained on
              tunes played on recorded notes (three of every four pitches)
    LSD       log-spectral distance to the original; it should be small only for the instrument's own timbre
    FAD       Fréchet distance from the clips to the recorded notes of that timbre (for its own timbre: to
              phrases of the original), between embeddings of the classifier; compare it only between runs
              with one classifier

Two rows are bounds. "Original" is the recording itself: how sure the classifier is of it. "Ceiling" is the
recording, played from its own STFT magnitudes by phase propagation, without a model. A plugin seldom keeps
more of a tune than that.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from table import write_json

import latentfx
from latentfx.dsp.phase import propagate_phase
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.training.data.folder import find_recordings
from latentfx.training.data.recording import read_audio
from latentfx.training.evaluations.swap.notes import load_notes
from latentfx.training.evaluations.swap.swap import (
    HEADER,
    Phrase,
    Swap,
    SwapReport,
    cut_phrases,
    evaluate_swap,
    row,
)
from latentfx.training.judges.classifier import Classifier
from latentfx.training.judges.classifier_training import train_on_phrases
from latentfx.training.judges.crepe import CrepeModel

Float32 = NDArray[np.float32]

SAMPLE_RATE = 48_000
N_FFT = 1024
HOP_LENGTH = 256


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    classifier = find_classifier(arguments.classifier, arguments.data)
    phrases = cut_recording(arguments.data, arguments.recording, arguments.clip_s, arguments.crepe)
    references = _references(arguments.data, arguments.targets, arguments.source, phrases)
    source = [arguments.source]
    timbres = [*arguments.targets, *source]

    def judged(swap: Swap, wanted: Sequence[str]) -> SwapReport:
        return evaluate_swap(swap, phrases, wanted, classifier, references, arguments.crepe)

    frame = {"original": judged(original, source), "ceiling": judged(resynthesised, source)}
    print(HEADER)
    for name, report in frame.items():
        print(row(name, report.scores[0]))
    result = {name: report.to_dict() for name, report in frame.items()}
    if arguments.plugin:
        report = judged(plugin_swap(latentfx.load(arguments.plugin)), timbres)
        for score in report.scores:
            print(row(f"{arguments.source} to {score.timbre}", score))
        result["plugin"] = report.to_dict()
    voiced = sum(int(phrase.pitch.voiced.sum()) for phrase in phrases)
    print(
        f"\n{len(phrases)} clips of {arguments.clip_s:g} s, {voiced} voiced frames, CREPE {arguments.crepe}"
    )
    print(f"classifier on phrases of held-out notes: {classifier.report['held_out']['accuracy']:.3f} right")
    write_json(arguments.json, {**result, "classifier": classifier.report})


def plugin_swap(plugin: latentfx.LatentPlugin) -> Swap:
    """Make the callable for `evaluate_swap` that swaps with a plugin."""

    def swap(audio: Float32, sample_rate: int, timbre: str) -> Float32:
        plugin.timbre = timbre
        return plugin(audio, sample_rate)

    return swap


def original(audio: Float32, sample_rate: int, timbre: str) -> Float32:
    """Return the recording itself: a callable for `evaluate_swap`."""
    return audio


def resynthesised(audio: Float32, sample_rate: int, timbre: str) -> Float32:
    """Play the recording from its own magnitudes: Hann frames of 1024 samples, hop of 256."""
    analysis, synthesis = StftAnalysis.hann(N_FFT, HOP_LENGTH), StftSynthesis.hann(N_FFT, HOP_LENGTH)
    padded = np.pad(audio, (0, synthesis.latency + -(len(audio) + synthesis.latency) % HOP_LENGTH))
    with torch.inference_mode():
        re, im, _ = analysis(torch.from_numpy(padded)[None, None], analysis.initial_state())
        re, im = propagate_phase(torch.hypot(re, im)[:, 0], HOP_LENGTH)
        output, _ = synthesis(re[:, None], im[:, None], synthesis.initial_state())
    return np.asarray(output[0, 0, synthesis.latency :][: len(audio)], dtype=np.float32)


def find_classifier(path: Path | None, data: Path) -> Classifier:
    """Read the classifier, or train it (some four minutes on one core) and keep it."""
    if path is not None and path.is_file():
        return Classifier.load(path)
    classifier = train_on_phrases(data)
    if path is not None:
        classifier.save(path)
    return classifier


def cut_recording(data: Path, recording: str, clip_s: float, crepe: CrepeModel) -> tuple[Phrase, ...]:
    """Cut out the clips of a recording that have one clear pitch most of the time."""
    found = find_recordings(data, include=[recording])
    cut = [
        cut_phrases(read_audio(item.file, SAMPLE_RATE), SAMPLE_RATE, clip_s, model=crepe) for item in found
    ]
    return tuple(phrase for phrases in cut for phrase in phrases)


def _references(
    data: Path, targets: Sequence[str], source: str, phrases: Sequence[Phrase]
) -> dict[str, Sequence[Float32]]:
    """Recorded notes of every target; for the source's own timbre its phrases."""
    notes = load_notes(data, targets, SAMPLE_RATE)
    of_target = {
        target: [audio for audio, label in zip(notes.audio, notes.labels, strict=True) if label == target]
        for target in targets
    }
    return {**of_target, source: [phrase.audio for phrase in phrases]}


def judging_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every script that lets the classifier judge swaps."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--classifier", type=Path, help=".safetensors to read, or to write after training")
    parser.add_argument("--json", type=Path, help="write every figure here")
    return parser


def _arguments() -> argparse.Namespace:
    parser = judging_parser(__doc__)
    parser.add_argument("--plugin", help="name or .onnx file; by default only the two bounds are measured")
    parser.add_argument("--recording", default="phrases/violin/*mov4*", help="glob of the held-out recording")
    parser.add_argument("--source", default="violin", help="instrument of the recording")
    parser.add_argument("--targets", nargs="+", default=["trumpet", "flute", "clarinet"])
    parser.add_argument("--crepe", choices=["tiny", "full"], default="tiny")
    parser.add_argument("--clip-s", type=float, default=3.5, help="length of a clip in seconds")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
