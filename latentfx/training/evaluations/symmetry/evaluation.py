"""The protocol of SPS as an evaluation of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from latentfx.errors import CheckpointError
from latentfx.methods.sps.model import SPS
from latentfx.training.evaluations.evaluation import (
    TABLE,
    Evaluation,
    Listener,
    Material,
    Model,
    write_table,
)
from latentfx.training.evaluations.symmetry.pictures import draw_maps
from latentfx.training.evaluations.symmetry.scores import (
    SymmetrySettings,
    score_model,
    score_yin,
)
from latentfx.training.evaluations.symmetry.table import SymmetryTable


class Symmetry(Evaluation):
    """Whether codes are straight in what nobody labelled: pitch, or place."""

    name: ClassVar[str] = "symmetry"
    settings_type: ClassVar[type] = SymmetrySettings

    def run(
        self,
        models: Sequence[Model],
        material: Material,
        out: Path,
        settings: SymmetrySettings,
        listener: Listener,
    ) -> SymmetryTable:
        """See `Evaluation`. The table is written anew after each model."""
        trained = {model.name: _objective(model) for model in models}
        examples = material.clips.validation
        notes = [f"{model.name}: {note}" for model in models for note in model.notes]
        notes += [
            f"{model.name}: trained on other data than this table is made of."
            for model in models
            if model.origin is not None and model.origin.data != material.origin.data
        ]
        table = SymmetryTable({}, settings, {"data": material.clips.card}, notes=tuple(notes))
        first = next(iter(trained.values()))
        if first.config.view == "notes" and all("pitch" in example.labels for example in examples):
            frames = first.config.notes.hop_length * first.config.notes.frames
            table = SymmetryTable(
                {}, settings, table.facts, score_yin(examples, frames, first.sample_rate), table.notes
            )
        with listener.watch("models") as steps:
            for done, (name, model) in enumerate(trained.items()):
                steps.show(done, len(trained))
                table = table.with_score(name, score_model(model, examples, settings))
                write_table(out, table)
                listener.say(f"{name}: {out / TABLE}")
        if any(score.curve for score in table.scores.values()):
            draw_maps(out / "maps.png", table.scores)
        return table


SYMMETRY = Symmetry()


def _objective(model: Model) -> SPS:
    if not isinstance(model.trained, SPS):
        raise CheckpointError(
            f"{model.name} is a {type(model.trained).__name__}, which this protocol cannot judge; give "
            "runs of the method sps"
        )
    return model.trained
