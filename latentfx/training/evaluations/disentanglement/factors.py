"""What is known of examples as columns of numbers, beside the codes of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.training.data.example import Example, Label, pitch_contour
from latentfx.training.data.sources.waveforms import SHAPES

Float64 = NDArray[np.float64]
Value = str | float

ORDERS: Mapping[str, tuple[str, ...]] = {"waveform": SHAPES}
"""Orders in which names of a factor are numbered; names of any other factor are numbered by the alphabet."""
NOTE_FRAMES_HZ = 100.0


@dataclass(frozen=True)
class Factors:
    """True values, one row for each code.

    Args:
        names: of the factors.
        values: names of a class are replaced by their numbers.
        orders: of each factor whose values are names, the names in the order of their numbers.
        constant: factors that have one value in all rows, and are left out.
    Shape:
        values [n, F]
    """

    names: tuple[str, ...]
    values: Float64
    orders: Mapping[str, tuple[str, ...]]
    constant: tuple[str, ...] = ()

    def bins(self, most: int) -> list[int | None]:
        """Bins of each factor: None, which is a bin for each value, where it has no more than `most` values.

        Args:
            most: bins of a factor of many numbers.
        """
        few = [name in self.orders or len(np.unique(self.column(name))) <= most for name in self.names]
        return [None if own else most for own in few]

    def column(self, name: str) -> Float64:
        """Values of one factor.

        Shape:
            -> [n]
        """
        return self.values[:, self.names.index(name)]


def labels_of(example: Example) -> dict[str, Label]:
    """The labels of an example; and its `pitch`, MIDI, where it has notes and no such label."""
    labels = {name: label for name, label in example.labels.items() if not isinstance(label, str) or label}
    if example.notes and "pitch" not in labels:
        if len(example.notes) == 1:
            labels["pitch"] = example.notes[0].pitch_midi
        else:
            frames = max(1, round(example.duration_s * NOTE_FRAMES_HZ))
            times = (np.arange(frames, dtype=np.float64) + 0.5) / NOTE_FRAMES_HZ
            labels["pitch"] = pitch_contour(example.notes, times)
    return labels


def rows_of(
    labels: Mapping[str, Label], code: Float64, frames: int
) -> tuple[list[dict[str, Value]], list[Float64]]:
    """Rows of factors and codes of one example.

    A code of the whole example is one row, with the labels that hold for the whole example. A code a frame
    is as many rows as `frames` says where a label changes from frame to frame, else one row: its mean.
    Frames in which a label is unknown (NaN) are left out.

    Args:
        labels: of the example.
        code: its code.
        frames: at most so many frames, evenly spaced.
    Shape:
        code [D] or [N, D]
    """
    whole = {name: label for name, label in labels.items() if not isinstance(label, np.ndarray)}
    moving = {name: label for name, label in labels.items() if isinstance(label, np.ndarray)}
    if code.ndim == 1 or not moving:
        return [whole], [code if code.ndim == 1 else code.mean(axis=0)]
    chosen = np.unique(np.linspace(0, len(code) - 1, min(frames, len(code))).round().astype(int))
    rows, codes = [], []
    for at in chosen.tolist():
        own: dict[str, Value] = {
            name: label[min(int((at + 0.5) / len(code) * len(label)), len(label) - 1)].item()
            for name, label in moving.items()
        }
        if all(value == value for value in own.values()):
            rows.append(whole | own)
            codes.append(code[at])
    return rows, codes


def as_columns(rows: Sequence[Mapping[str, Value]]) -> Factors:
    """Number the factors that every row has.

    Raises:
        DataError: no factor that every row has changes from row to row.
    """
    shared = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    orders: dict[str, tuple[str, ...]] = {}
    columns: dict[str, list[float]] = {}
    for name in shared:
        values = [row[name] for row in rows]
        if any(isinstance(value, str) for value in values):
            order = _order(name, {str(value) for value in values})
            orders[name] = order
            place = {value: float(at) for at, value in enumerate(order)}
            columns[name] = [place[str(value)] for value in values]
        else:
            columns[name] = [float(value) for value in values]
    changing = [name for name in shared if len(set(columns[name])) > 1]
    if not changing:
        raise DataError(
            f"no label that all {len(rows)} rows have changes from one to the next (labels: "
            f"{', '.join(shared) or 'none'}); judge disentanglement on data whose labels differ, such as the "
            "recipe syntone-vae"
        )
    table = np.array([columns[name] for name in changing], dtype=np.float64).T
    constant = tuple(name for name in shared if name not in changing)
    return Factors(tuple(changing), table, {n: orders[n] for n in changing if n in orders}, constant)


def _order(name: str, values: set[str]) -> tuple[str, ...]:
    known = ORDERS.get(name, ())
    return known if values <= set(known) else tuple(sorted(values))
