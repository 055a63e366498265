"""The figures of one model, from what it makes of the test examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from latentfx.methods.sps.model import SPS
from latentfx.training.data.example import Example
from latentfx.training.evaluations.symmetry.readings import Readings, read
from latentfx.training.evaluations.symmetry.sounds import decoded_notes, pitch_by_yin
from latentfx.training.metrics.linearity import augmentation_ratio, linear_errors, query_precision, r2
from latentfx.training.recipes.settings import check_range

Float64 = NDArray[np.float64]
AXES = ("x", "y", "z")
PLATEAU = 0.1


@dataclass(frozen=True)
class SymmetrySettings:
    """Settings of the protocol.

    Args:
        points: codes that are decoded for the synthesis R2.
        statistics: what standardises predicted codes: mean and deviation of the `target`, or each its `own`
            as in the published code for audio.
        lowest, highest: MIDI pitches of the grid of instruments and pitches (SPS+).
        seed: of which codes the forced prior sees.
    """

    points: int = 30
    statistics: Literal["target", "own"] = "target"
    lowest: int = 48
    highest: int = 72
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("evaluation.points", self.points, 3)


@dataclass(frozen=True)
class Score:
    """Figures of one trained model; NaN where one does not apply.

    Args:
        title: what kind of model it is; runs of one kind are averaged.
        figures: by name.
        by_instrument: embedding and synthesis R2 of each instrument.
        curve: decoded codes and the pitches heard, of the first instrument.
    """

    title: str
    figures: Mapping[str, float]
    by_instrument: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    curve: tuple[tuple[float, float], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the run never left the plateau: the decoder ignores the code."""
        return self.figures["explained"] < PLATEAU


def score_model(model: SPS, examples: Sequence[Example], settings: SymmetrySettings) -> Score:
    """Judge a model.

    Args:
        model: in evaluation mode.
        examples: of the test.
        settings: how.
    """
    found = read(model, examples, settings.statistics == "own", settings.seed)
    figures = _images(found)
    figures["z_std"] = float(found.codes[..., : model.config.content].std(axis=(0, 1)).mean())
    if model.config.view != "notes":
        return Score(model.config.title, figures | _positions(found, model))
    instruments = [str(labels.get("instrument", "")) for labels in found.labels]
    by_instrument, curve = _pitches(model, found, instruments, settings.points)
    embedding, synthesis = (np.mean([pair[i] for pair in by_instrument.values()]) for i in (0, 1))
    content, pitch = found.codes[..., : model.config.content], found.label("pitch")
    figures |= {
        "embedding": float(embedding),
        "embedding_all": r2(content.reshape(-1, content.shape[-1]), pitch.reshape(-1)),
        "synthesis": float(synthesis),
    }
    figures |= _factors(model, found, instruments, settings)
    return Score(model.config.title, figures, by_instrument, curve)


def _images(found: Readings) -> dict[str, float]:
    nothing = math.nan
    forced, free = found.forced, found.free
    return {
        "explained": found.explained,
        "self": found.self_error,
        "prediction_forced": forced.image if forced else nothing,
        "prediction_free": free.image if free else nothing,
        "prior_forced": forced.code if forced else nothing,
        "prior_free": free.code if free else nothing,
    }


def _positions(found: Readings, model: SPS) -> dict[str, float]:
    """Errors of straight lines from the content to the coordinates, where they are known."""
    if any(axis not in found.labels[0] for axis in AXES):
        return {}
    content = found.codes[..., : model.config.content].reshape(-1, model.config.content)
    targets = np.stack([found.label(axis).reshape(-1) for axis in AXES], axis=-1)
    errors = linear_errors(content, targets)
    return {**dict(zip(AXES, errors, strict=True)), "mean": float(np.mean(errors))}


def _pitches(
    model: SPS, found: Readings, instruments: Sequence[str], points: int
) -> tuple[dict[str, tuple[float, float]], tuple[tuple[float, float], ...]]:
    """Embedding R2 of first notes, and synthesis R2, of each instrument with its mean style."""
    size = model.config.content
    pitch, scores = found.label("pitch"), dict[str, tuple[float, float]]()
    curve: tuple[tuple[float, float], ...] = ()
    for name in dict.fromkeys(instruments):
        own = np.array([each == name for each in instruments])
        codes = found.codes[own]
        content = codes[..., :size]
        embedding = r2(content[:, 0], pitch[own][:, 0])
        flat = content.reshape(-1, size)
        middle, spread = flat.mean(axis=0), flat.std(axis=0)
        z = middle + np.linspace(-2.0, 2.0, points)[:, None] * spread * (np.arange(size) == 0)
        heard = [
            pitch_by_yin(audio, model.sample_rate)
            for audio in decoded_notes(model, z, codes[..., size:].mean(axis=(0, 1)))
        ]
        scores[name] = (embedding, r2(z[:, 0], np.array(heard)))
        curve = curve or tuple(zip(z[:, 0].tolist(), heard, strict=True))
    return scores, curve


def _factors(
    model: SPS, found: Readings, instruments: Sequence[str], settings: SymmetrySettings
) -> dict[str, float]:
    """Ratio and precision on the grid of instruments and pitches; nothing without style or instruments."""
    if model.config.style == 0:
        return {}
    pitches = [float(pitch) for pitch in range(settings.lowest, settings.highest + 1)]
    grid = _grid(found, instruments, pitches)
    if len(grid) < 2:
        return {}
    codes, size = np.stack(list(grid.values())), model.config.content
    precision = query_precision(codes, size)
    return {
        "ratio": augmentation_ratio(codes, size),
        "precision_timbre": precision.style,
        "precision_pitch": precision.content,
        "random_timbre": precision.random_style,
        "random_pitch": precision.random_content,
        "grid_instruments": float(len(grid)),
    }


def _grid(found: Readings, instruments: Sequence[str], pitches: Sequence[float]) -> dict[str, Float64]:
    """Mean code at every pitch, of the instruments that have them all."""
    heard, grid = found.label("pitch"), {}
    for name in dict.fromkeys(instruments):
        own = np.array([each == name for each in instruments])
        codes, own_pitch = found.codes[own], heard[own]
        if np.isin(pitches, own_pitch).all():
            grid[name] = np.stack([codes[own_pitch == pitch].mean(axis=0) for pitch in pitches])
    return grid


def score_yin(examples: Sequence[Example], frames: int, sample_rate: int) -> float:
    """Embedding R2 of YIN on the first notes: a comparator that computes pitch.

    Args:
        examples: of the test, with the label `pitch`.
        frames: samples of a note on the grid.
        sample_rate: Hz.
    """
    heard = [pitch_by_yin(example.audio[:frames], sample_rate) for example in examples]
    wanted = [
        float(np.ravel(np.asarray(example.labels["pitch"], dtype=np.float64))[0]) for example in examples
    ]
    return r2(np.array(heard), np.array(wanted))
