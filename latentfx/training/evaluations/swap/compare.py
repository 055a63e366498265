"""Judge several models on the same clips by one judge, and write table and pictures as they come."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latentfx.errors import CheckpointError
from latentfx.files import safe_name
from latentfx.training.data.example import Dataset, Example
from latentfx.training.evaluations.evaluation import TABLE, Listener, write_table
from latentfx.training.evaluations.swap.mel_pictures import draw_swaps
from latentfx.training.evaluations.swap.protocol import ProtocolSettings, evaluate_swapper
from latentfx.training.evaluations.swap.real_clips import (
    Contour,
    RealClip,
    check_clips,
    choose_clips,
    measure_ceiling,
    measure_clips,
)
from latentfx.training.evaluations.swap.swapper import SwappingModel
from latentfx.training.evaluations.swap.table import Comparison
from latentfx.training.judges.judge import JudgeConfig, MelJudge
from latentfx.training.judges.judge_training import JudgeTraining, score_judge, train_judge

TRUSTED_F1 = 0.9
DISCRIMINANT_CLIPS = 64
PLAYED = ("notes", "soundfont", "tones")


@dataclass(frozen=True)
class Candidate:
    """A model to judge.

    Args:
        name: in table and file names.
        swapper: the model.
        rand: whether a v drawn from N(0, I) means anything to it.
        notes: what readers of the table must know of it.
    """

    name: str
    swapper: SwappingModel
    rand: bool = True
    notes: tuple[str, ...] = ()


def compare(
    candidates: Sequence[Candidate],
    data: Dataset,
    judge: MelJudge,
    folder: Path,
    settings: ProtocolSettings | None = None,
    clips: int = 32,
    contour: Contour = "crepe",
    listener: Listener | None = None,
) -> Comparison:
    """Run the protocol for each model.

    The folder gets `evaluation.md` and `evaluation.json`, written anew after each model, and a picture of
    each model: what is there is always whole.

    Args:
        candidates: models.
        data: validation clips to swap, training clips for the linear discriminant.
        judge: of instruments.
        folder: made where absent.
        settings: how swaps are drawn and judged.
        clips: at most so many validation clips of each instrument.
        contour: where the reference pitch comes from.
        listener: is told how it goes.
    Raises:
        DataError: clips that cannot be compared, or no voiced frame.
        ShapeError: a model gives audio of another length.
    """
    settings, listener = settings or ProtocolSettings(), listener or Listener()
    chosen = choose_clips(data.validation, clips, settings.seed)
    with listener.watch(f"pitch of {len(chosen)} clips") as steps:
        real = measure_clips(chosen, judge, settings.crepe, contour, steps.show)
    with listener.watch("ceiling") as steps:
        ceiling = measure_ceiling(real, judge, settings.crepe, settings.seed, steps.show)
    listener.say(
        f"{len(real)} real clips: F1 {ceiling.f1:.3f}, RPA of their own log-mels {ceiling.pitch_accuracy:.3f}"
    )
    training = choose_clips(data.train, DISCRIMINANT_CLIPS, settings.seed)
    facts = _facts(real, data, judge, contour)
    how = [*_how(real, judge, settings, contour), *_heard_before(chosen, data.card)]
    result = Comparison({}, judge.labels, ceiling, settings, facts, how)
    for candidate in candidates:
        own = replace(settings, rand=settings.rand and candidate.rand)
        with listener.watch(candidate.name) as steps:
            score = evaluate_swapper(candidate.swapper, training, real, judge, own, steps.show)
        notes = [*result.notes, *(f"{candidate.name}: {note}" for note in candidate.notes)]
        scores = {**result.scores, candidate.name: score}
        result = Comparison(scores, judge.labels, ceiling, settings, facts, notes)
        write_table(folder, result)
        draw_swaps(folder / f"{safe_name(candidate.name)}.png", candidate.name, candidate.swapper, real)
        listener.say(f"{candidate.name}: {folder / TABLE}, {folder / safe_name(candidate.name)}.png")
    return result


def find_judge(
    file: Path,
    data: Dataset,
    origin: Mapping[str, Any],
    training: JudgeTraining | None = None,
    listener: Listener | None = None,
) -> MelJudge:
    """Read a judge, or train it on the training clips and keep it.

    Args:
        file: the judge's.
        data: where it is trained; its report says how it does on the validation clips.
        origin: what says which clips these are (the recipe's [data] and its seed).
        training: how.
        listener: is told how it goes.
    Raises:
        CheckpointError: the file is no judge, or one of other data or another floor.
        DataError: clips of one instrument alone, or validation clips that cannot be compared.
    """
    listener = listener or Listener()
    check_clips(data.validation)
    wanted = json.loads(json.dumps(origin))
    if file.is_file():
        judge = MelJudge.load(file)
        if judge.report.get("data") != wanted:
            raise CheckpointError(
                f"the judge {file} was trained on other data than these models: give another --judge to "
                "train a new one, or --recipe and --set as when it was trained"
            )
        floor, todays = judge.config.floor, JudgeConfig().floor
        if floor != todays:
            raise CheckpointError(
                f"the judge {file} draws power below exp({floor:g}) as that, today's judges below "
                f"exp({todays:g}): give another --judge to train a new one"
            )
        return judge
    with listener.watch(f"judge, on {len(data.train)} clips") as steps:
        judge = train_judge(data.train, training, facts={"data": wanted}, progress=steps.show)
    score = score_judge(judge, data.validation)
    judge.report["validation"] = {"clips": len(data.validation), "f1": score.f1, "macro_f1": score.macro_f1}
    judge.save(file)
    listener.say(
        f"judge: {file}, macro F1 {score.macro_f1:.3f} on {len(data.validation)} real validation clips"
    )
    return judge


def _facts(real: Sequence[RealClip], data: Dataset, judge: MelJudge, contour: Contour) -> dict[str, Any]:
    return {
        "clips": Counter(item.instrument for item in real),
        "voiced_frames": int(sum(item.voiced.sum() for item in real)),
        "contour": contour,
        "judge": judge.report,
        "data": data.card,
    }


def _how(
    real: Sequence[RealClip], judge: MelJudge, settings: ProtocolSettings, contour: Contour
) -> list[str]:
    whom = "whatever they are" if settings.partners == "any" else "of different instruments"
    reference = "notes" if contour == "notes" else "originals"
    frames = int(sum(item.voiced.sum() for item in real))
    line = (
        f"{len(real)} validation clips of {real[0].clip.duration_s:g} s, exchanged {whom}; {frames} voiced "
        f"frames, CREPE {settings.crepe} against the pitch of the {reference}; "
        f"z is {'drawn' if settings.sampled else 'the mean'}."
    )
    return [line, *_doubts(judge)]


def _heard_before(clips: Sequence[Example], card: Mapping[str, object]) -> list[str]:
    """A line where clips are other tunes on the very notes of training: only held-out recordings are new."""
    parts = card.get("parts")
    shared = [
        f"{part['kind']}-{index}/"
        for index, part in enumerate(parts if isinstance(parts, Sequence) else ())
        if part["kind"] in PLAYED and not part.get("held_out")
    ]
    count = sum(clip.source.startswith(tuple(shared)) for clip in clips)
    if not count:
        return []
    return [f"{count} of the clips are other tunes on notes that training has heard, the rest on others."]


def _doubts(judge: MelJudge) -> list[str]:
    found = judge.report.get("validation", {}).get("macro_f1", 1.0)
    if found >= TRUSTED_F1:
        return []
    return [f"The judge itself reaches an F1 of {found:.2f} on real clips: believe neither F1 nor FAD."]
