r"""How near a swap gets to an instrument that its model never heard, from one phrase of it.

    seven='["violin", "trumpet", "clarinet", "cello", "altosax", "trombone", "oboe"]'
    latentfx train timbre-swap-held-out --data FOLDER --out runs/no-flute --threads 1 \
        --set "data.instruments=$seven" --set "method.instruments=$seven" --set train.batch_size=48 \
        --set train.stages.pitch.steps=1500 --set train.stages.level.steps=300
    python examples/benchmarks/any_timbre.py runs/no-flute --data FOLDER/real --tunes FOLDER/melodies

Each run was trained without one instrument that the classifier knows. With these settings a run takes some
six minutes on one core. Its plugin learns the instrument from a phrase, as `plugin.learn` does, and plays
phrases of the other instruments with it. A run that had all instruments learns each of them as if it were
new.

All phrases are tunes on every fourth pitch of the recorded notes. Neither the classifier nor runs of the
recipe `timbre-swap-held-out` hear these pitches.

Each distance is the Fréchet distance, between embeddings of the classifier, to real phrases of the
instrument. It is measured for:

    the lines before the swap
    the swap to the trained instrument that comes nearest
    the swap to the learnt timbre (mean over the phrases that it was learnt from)
    other real phrases of the instrument: as near as one can get

Named: share of clips that the classifier names as this instrument. With 12 phrases a run takes some three
minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from swap_quality import SAMPLE_RATE, find_classifier, judging_parser, plugin_swap
from table import print_table, write_json

import latentfx
from latentfx.cli.bar import Bar
from latentfx.export import export_checkpoint
from latentfx.training.data.example import Example
from latentfx.training.evaluations.swap.held_out import held_out_phrases
from latentfx.training.evaluations.swap.swap import clip_distance
from latentfx.training.judges.classifier import Classifier

Float32 = NDArray[np.float32]

BLEND = "timbre"
COLUMNS = ("instrument", "clips", "lines before", "nearest trained", "learnt", "real phrases")
COLUMNS = (*COLUMNS, "named: nearest", "learnt", "real")


class Judged:
    """Clips against real phrases of one instrument.

    Args:
        classifier: it knows the instrument.
        name: of the instrument.
        real: phrases of the instrument.
    """

    def __init__(self, classifier: Classifier, name: str, real: Sequence[Float32]) -> None:
        self.classifier, self.name, self.real = classifier, name, real

    def __call__(self, clips: Sequence[Float32]) -> dict[str, float]:
        """Distance, and the share that is named as the instrument."""
        named = [self.classifier.predict(clip, SAMPLE_RATE) == self.name for clip in clips]
        distance = clip_distance(self.classifier, self.real, clips, SAMPLE_RATE)
        return {"distance": distance, "named": float(np.mean(named))}


def main() -> None:
    """Run the benchmark."""
    arguments = _arguments()
    classifier = find_classifier(arguments.classifier, arguments.data)
    count = 2 * arguments.clips + arguments.references
    clips = held_out_phrases(arguments.data, classifier.labels, count, SAMPLE_RATE, arguments.tunes)
    found = {}
    with TemporaryDirectory() as folder:
        for run in arguments.runs:
            file = Path(folder) / f"{run.name}.onnx"
            export_checkpoint(run, file, verify=False)
            with Bar(run.name) as bar:
                found[str(run)] = _measure_run(latentfx.load(file), clips, classifier, arguments, bar.show)
    print_table(COLUMNS, [_row(result) for results in found.values() for result in results])
    write_json(arguments.json, {"runs": found, "classifier": classifier.report})


def _measure_run(
    plugin: latentfx.LatentPlugin,
    clips: dict[str, tuple[Example, ...]],
    classifier: Classifier,
    arguments: argparse.Namespace,
    progress: Callable[[int, int], None],
) -> list[dict[str, Any]]:
    """Measure the instrument that was left out; if none was, each of them as if it were new."""
    trained = _known(plugin, classifier)
    new = sorted(set(classifier.labels) - set(trained)) or trained
    return [
        {"trained": name in trained} | _measure(plugin, name, clips, classifier, arguments, progress)
        for name in new
    ]


def _known(plugin: latentfx.LatentPlugin, classifier: Classifier) -> list[str]:
    return [label for label in plugin.blends[BLEND].labels if label in classifier.labels]


def _measure(
    plugin: latentfx.LatentPlugin,
    name: str,
    clips: dict[str, tuple[Example, ...]],
    classifier: Classifier,
    arguments: argparse.Namespace,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Measure everything about one instrument."""
    others = [label for label in _known(plugin, classifier) if label != name]
    own = [clip.audio for clip in clips[name]]
    references, rest = own[: arguments.references], own[arguments.references :]
    judged = Judged(classifier, name, rest[: arguments.clips])
    lines = [clips[others[at % len(others)]][at].audio for at in range(arguments.clips)]
    swap, jobs = plugin_swap(plugin), len(others) + len(references)
    scores = {}
    for done, label in enumerate(others):
        progress(done, jobs)
        scores[label] = judged([swap(line, SAMPLE_RATE, label) for line in lines])
    nearest = min(scores, key=lambda label: scores[label]["distance"])
    learnt = []
    for done, reference in enumerate(references, len(others)):
        progress(done, jobs)
        plugin.learn(BLEND, reference, SAMPLE_RATE)
        learnt.append(judged([plugin(line, SAMPLE_RATE) for line in lines]))
    return {
        "instrument": name,
        "clips": len(lines),
        "lines": judged(lines),
        "nearest": {"instrument": nearest, **scores[nearest]},
        "learnt": {key: float(np.mean([one[key] for one in learnt])) for key in ("distance", "named")},
        "learnt_from_each": learnt,
        "real": judged(rest[arguments.clips :]),
        "others": scores,
    }


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    lines, nearest, learnt, real = (result[key] for key in ("lines", "nearest", "learnt", "real"))
    return (
        f"{result['instrument']}{' (trained)' if result['trained'] else ''}",
        str(result["clips"]),
        f"{lines['distance']:.1f}",
        f"{nearest['distance']:.1f} ({nearest['instrument']})",
        f"{learnt['distance']:.1f}",
        f"{real['distance']:.1f}",
        *(f"{part['named']:.2f}" for part in (nearest, learnt, real)),
    )


def _arguments() -> argparse.Namespace:
    parser = judging_parser(__doc__)
    parser.add_argument(
        "runs", nargs="+", type=Path, help="run folders, trained without one instrument or with all"
    )
    parser.add_argument("--tunes", type=Path, help="folder of MIDI tunes; by default melodies are made up")
    parser.add_argument("--clips", type=int, default=12, help="lines of 4 s to swap")
    parser.add_argument("--references", type=int, default=3, help="phrases to learn from, one at a time")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
