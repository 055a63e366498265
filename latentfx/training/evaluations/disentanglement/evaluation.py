"""Disentanglement of latent codes as an evaluation of the catalogue: any model, any data with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from latentfx.errors import CheckpointError, DataError
from latentfx.files import safe_name
from latentfx.methods.base import Objective
from latentfx.training.data.example import Example
from latentfx.training.evaluations.disentanglement.codes import Code, CodeReader, ObjectiveCodes, PluginCodes
from latentfx.training.evaluations.disentanglement.factors import Value, as_columns, labels_of, rows_of
from latentfx.training.evaluations.disentanglement.pictures import draw_information
from latentfx.training.evaluations.disentanglement.scores import (
    DisentanglementSettings,
    SpaceScore,
    score_space,
)
from latentfx.training.evaluations.disentanglement.table import Scores
from latentfx.training.evaluations.evaluation import (
    TABLE,
    Evaluation,
    Listener,
    Material,
    Model,
    write_table,
)

CHUNK = 256
"""Examples in memory at a time."""


class Disentanglement(Evaluation):
    """How well single dimensions of a code stand for single factors of the data."""

    name: ClassVar[str] = "disentanglement"
    settings_type: ClassVar[type] = DisentanglementSettings
    reads_once: ClassVar[bool] = True

    def run(
        self,
        models: Sequence[Model],
        material: Material,
        out: Path,
        settings: DisentanglementSettings,
        listener: Listener,
    ) -> Scores:
        """See `Evaluation`. Table and pictures are written anew after each model."""
        _check_rates(models, self.sample_rate(models))
        spaces = _read(models, material, settings, listener)
        table = Scores({}, settings, {"data": material.clips.card}, tuple(_notes(models, material)))
        for model in models:
            found: dict[str, SpaceScore] = {}
            with listener.watch(f"scores of {model.name}") as steps:
                for done, (space, (rows, codes)) in enumerate(spaces[model.name].items()):
                    steps.show(done, len(spaces[model.name]))
                    found[space] = score_space(as_columns(rows), codes, settings)
            table = table.with_model(model.name, found)
            write_table(out, table)
            if settings.protocol != "published":
                draw_information(out / f"{safe_name(model.name)}.png", model.name, found)
            listener.say(f"{model.name}: {out / TABLE}")
        return table


DISENTANGLEMENT = Disentanglement()

_Rows = tuple[list[dict[str, Value]], list[Code]]


def _read(
    models: Sequence[Model], material: Material, settings: DisentanglementSettings, listener: Listener
) -> dict[str, dict[str, _Rows]]:
    """Rows and codes of every latent space of every model; each example is read once."""
    readers = {model.name: _reader(model) for model in models}
    spaces: dict[str, dict[str, _Rows]] = {model.name: {} for model in models}
    examples = _chosen(material, settings)
    total = len(examples)
    with listener.watch(f"codes of {total} examples") as steps:
        for start in range(0, total, CHUNK):
            chunk = [_example(number, material) for number in examples[start : start + CHUNK]]
            for name, reader in readers.items():
                for example, codes in zip(chunk, reader.read(chunk), strict=True):
                    _add(spaces[name], example, codes, settings.frames)
            steps.show(start + len(chunk), total)
    return spaces


def _add(spaces: dict[str, _Rows], example: Example, codes: Mapping[str, Code], frames: int) -> None:
    labels = labels_of(example)
    for space, code in codes.items():
        rows, kept = spaces.setdefault(space, ([], []))
        own, means = rows_of(labels, code.mean, frames)
        rows += own
        if code.deviation is None:
            kept += [Code(mean) for mean in means]
        else:
            _, widths = rows_of(labels, code.deviation, frames)
            kept += [Code(mean, width) for mean, width in zip(means, widths, strict=True)]


def _chosen(material: Material, settings: DisentanglementSettings) -> list[int]:
    """Numbers of the examples to judge: those of the training, then those of the validation."""
    first = len(material.clips.train) if settings.validation else 0
    every = np.arange(first, len(material.clips.train) + len(material.clips.validation))
    if not len(every):
        raise DataError("there are no examples to judge; raise data.validation, or judge all of them")
    if settings.examples:
        rng = np.random.default_rng(settings.seed)
        every = np.sort(rng.permutation(every)[: settings.examples])
    return [int(number) for number in every]


def _example(number: int, material: Material) -> Example:
    train = material.clips.train
    return train[number] if number < len(train) else material.clips.validation[number - len(train)]


def _reader(model: Model) -> CodeReader:
    if isinstance(model.trained, Objective):
        return ObjectiveCodes(model.name, model.trained)
    if model.encode is None:
        raise CheckpointError(f"plugin {model.name!r} has no encoder that can be read; leave it out")
    return PluginCodes(model.encode)


def _check_rates(models: Sequence[Model], rate: int) -> None:
    other = [f"{m.name} ({m.trained.sample_rate} Hz)" for m in models if m.trained.sample_rate != rate]
    if other:
        raise CheckpointError(
            f"{', '.join(other)} and a model at {rate} Hz cannot hear the same examples; evaluate models of "
            "different rates one by one"
        )


def _notes(models: Sequence[Model], material: Material) -> list[str]:
    lines = [f"{model.name}: {note}" for model in models for note in model.notes]
    foreign = [model.name for model in models if model.origin != material.origin]
    if foreign:
        lines.append(f"trained on other data than this table is made of: {', '.join(foreign)}.")
    return lines
