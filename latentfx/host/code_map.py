"""The map of a plugin: its named codes as points of a plane, in which people see them and blend them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import PluginFileError
from latentfx.spec import PluginSpec

NAMED_CODES: Final = "operator.timbres"  # the weight that holds the codes of a blend's labels, in their order
_OWN: Final = "input"
_MOST_VALUES: Final = 4096
_LARGEST: Final = 1e6

Point = tuple[float, float]


@dataclass(frozen=True)
class CodeMap:
    """A plane through named codes, in which they lie as far apart as a plane allows.

    Args:
        points: label -> place.
        mean: the middle of the codes.
        axes: the two directions of the plane, each of length 1.
    Shape:
        mean [V], axes [2, V]
    """

    points: Mapping[str, Point]
    mean: Float32
    axes: Float32

    def place(self, code: Float32) -> Point:
        """Where a code lies.

        Shape:
            code [V]
        """
        x, y = (self.axes @ (code - self.mean)).tolist()
        return round(x, 4), round(y, 4)

    def places(self, label: str, code: Float32 | None) -> dict[str, Point]:
        """The points, and that of one more code where it fits the map.

        Shape:
            code [V]
        """
        more = {} if code is None or code.shape != self.mean.shape else {label: self.place(code)}
        return {**self.points, **more}


def draw_map(codes: Mapping[str, Float32]) -> CodeMap:
    """The plane of the two principal components of some codes. The largest part of each direction is above 0.

    Args:
        codes: label -> code.
    Shape:
        each code [V]
    """
    rows = np.stack([np.asarray(code, np.float64) for code in codes.values()])
    mean = rows.mean(axis=0)
    _, _, found = np.linalg.svd(rows - mean, full_matrices=False)
    axes = np.zeros((2, rows.shape[1]))
    axes[: len(found)] = found[:2]
    for axis in axes:
        axis *= 1.0 if axis[np.argmax(np.abs(axis))] >= 0 else -1.0
    bare = CodeMap({}, mean.astype(np.float32), axes.astype(np.float32))
    points = {label: bare.place(row.astype(np.float32)) for label, row in zip(codes, rows, strict=True)}
    return CodeMap(points, bare.mean, bare.axes)


def find_maps(spec: PluginSpec, weights: Mapping[str, Any]) -> dict[str, CodeMap]:
    """The maps that a plugin's weights give: name of a blend -> map.

    Args:
        spec: of the plugin.
        weights: name in the `state_dict` -> array.
    """
    codes = weights.get(NAMED_CODES)
    if codes is None:
        return {}
    rows = np.asarray(codes)
    for blend in spec.blends:
        labels = [label for label in blend.choices if label != _OWN]
        if len(labels) == len(rows):
            return {blend.name: draw_map(dict(zip(labels, rows, strict=True)))}
    return {}


def dump_maps(maps: Mapping[str, CodeMap]) -> dict[str, Any]:
    """Maps as JSON can hold them."""
    return {
        name: {
            "points": {label: list(point) for label, point in known.points.items()},
            "mean": known.mean.tolist(),
            "axes": known.axes.tolist(),
        }
        for name, known in maps.items()
    }


def load_maps(raw: Mapping[str, Any], spec: PluginSpec) -> dict[str, CodeMap]:
    """Maps from JSON, trusting none of it.

    Raises:
        PluginFileError: a map of a blend or a label that is not there, or numbers that make no plane.
    """
    blends = {blend.name: blend for blend in spec.blends}
    maps = {}
    for name, entry in raw.items():
        mean, axes = np.asarray(entry["mean"], np.float64), np.asarray(entry["axes"], np.float64)
        points = {str(label): (float(x), float(y)) for label, (x, y) in entry["points"].items()}
        if name not in blends or not points.keys() <= blends[name].choices.keys():
            raise PluginFileError(f"it has a map of {name!r} with the labels {', '.join(points)}: not there")
        if mean.ndim != 1 or mean.size > _MOST_VALUES or axes.shape != (2, mean.size):
            raise PluginFileError(f"the map of {name!r} has axes {axes.shape} for codes {mean.shape}")
        places = np.array(list(points.values()), np.float64).reshape(-1)
        if not all((np.abs(array) < _LARGEST).all() for array in (mean, axes, places)):
            raise PluginFileError(f"the map of {name!r} has a number beyond {_LARGEST:g}")
        maps[name] = CodeMap(points, mean.astype(np.float32), axes.astype(np.float32))
    return maps
