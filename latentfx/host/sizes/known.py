"""What is known of a tensor before a graph runs, and of the operator that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import PluginFileError
from latentfx.host.model.fields import DataType
from latentfx.host.model.model import (
    ITEM_BYTES,
    LARGEST_EXACT,
    MAX_AXES,
    MAX_TENSOR_VALUES,
    Node,
    NodeAttribute,
    Tensor,
)

# Sizes are short lists of numbers: longer ones are not followed.
MOST_FOLLOWED: Final = 64
LARGEST_FOLLOWED: Final = 1 << 40
INTEGERS: Final = frozenset(
    (
        DataType.UINT8,
        DataType.INT8,
        DataType.UINT16,
        DataType.INT16,
        DataType.INT32,
        DataType.INT64,
        DataType.UINT32,
        DataType.UINT64,
    )
)
_FLOATS: Final = frozenset((DataType.FLOAT, DataType.DOUBLE))
_FOLLOWED: Final = frozenset((DataType.INT32, DataType.INT64, DataType.BOOL)) | _FLOATS

Shape = tuple[int, ...]
Values = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor: its element type and shape, and its values where they are few, whole and known beforehand."""

    element: int
    shape: Shape
    values: Values | None = None

    @property
    def count(self) -> int:
        """How many values it has."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return self.count * ITEM_BYTES[self.element]


def of_constant(tensor: Tensor) -> Known:
    """What is known of a constant."""
    values = None
    if prod(tensor.shape) <= MOST_FOLLOWED and (numbers := tensor.whole_numbers()) is not None:
        values = np.array(numbers, np.int64).reshape(tensor.shape)
    return Known(tensor.element, tensor.shape, values)


def of_values(element: int, values: NDArray[Any], moved: bool = False) -> Known:
    """A tensor of these values, which are followed where they are few and whole.

    Args:
        element: its type.
        values: what it holds.
        moved: whether the values are those of inputs. What is computed is followed while it is small, so that
            no number overflows in the runtime and not here.
    """
    kept = values.size <= MOST_FOLLOWED and element in _FOLLOWED
    largest = {DataType.INT32: (1 << 31) - 1, DataType.INT64: LARGEST_FOLLOWED}.get(element, LARGEST_EXACT)
    if kept and not moved and values.size and (values.max() > largest or values.min() < -largest):
        kept = False
    return Known(element, values.shape, values.astype(np.int64) if kept else None)


@dataclass(slots=True)
class Call:
    """An operator at work on what is known of its inputs.

    A rule reads it, returns what is known of the outputs, and says in `work` and `scratch_bytes` what the
    operator does beyond passing once over its inputs and outputs.
    """

    node: Node
    inputs: list[Known | None]
    operator_set: int
    work: int = 0
    scratch_bytes: int = 0

    @property
    def operator(self) -> str:
        """Its name in ONNX."""
        return self.node.operator

    def refuse(self, rule: str) -> PluginFileError:
        """The error for an operator that breaks a rule."""
        return PluginFileError(
            f"operator {self.operator} breaks a rule of plugin files: {rule}. If you know where the file "
            "comes from, open it with --trust (trust=True)"
        )

    def given(self, index: int) -> Known | None:
        """An input that may be left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def input(self, index: int = 0) -> Known:
        """An input.

        Raises:
            PluginFileError: it is missing.
        """
        found = self.given(index)
        if found is None:
            raise self.refuse(f"it needs an input number {index + 1}")
        return found

    def numbers(self, index: int) -> list[int]:
        """The values of an input that decides over sizes.

        Raises:
            PluginFileError: the values are not known before the graph runs.
        """
        found = self.input(index)
        if found.values is None:
            raise self.refuse(
                f"the size of its output follows from values that are computed (input {index + 1}); allowed "
                "are sizes that follow from constants and the length of the block"
            )
        numbers: list[int] = found.values.reshape(-1).tolist()
        return numbers

    def number(self, index: int) -> int:
        """The one value of an input that decides over sizes."""
        numbers = self.numbers(index)
        if len(numbers) != 1:
            raise self.refuse(f"its input {index + 1} has {len(numbers)} values; allowed 1")
        return numbers[0]

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        attributes: Mapping[str, NodeAttribute] = self.node.attributes
        return attributes[name].value if name in attributes else default

    def integer(self, name: str, default: int) -> int:
        """The value of an attribute that is a whole number."""
        value = self.attribute(name, default)
        if not isinstance(value, int):
            raise self.refuse(f"its attribute {name!r} is no whole number")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        """The value of an attribute that is a list of whole numbers."""
        value = self.attribute(name, default)
        if value is not None and not (
            isinstance(value, tuple) and all(isinstance(one, int) for one in value)
        ):
            raise self.refuse(f"its attribute {name!r} is no list of whole numbers")
        found: tuple[int, ...] | None = value
        return found

    def text(self, name: str, default: str) -> str:
        """The value of an attribute that is text."""
        value = self.attribute(name, default.encode())
        if not isinstance(value, bytes):
            raise self.refuse(f"its attribute {name!r} is no text")
        return value.decode("utf-8", "replace")

    def axis(self, axis: int, axes: int) -> int:
        """An axis counted from the start.

        Raises:
            PluginFileError: there is no such axis.
        """
        if not -axes <= axis < axes:
            raise self.refuse(f"it has no axis {axis} among {axes}")
        return axis % axes

    def made(self, element: int, shape: Shape) -> Known:
        """An output of this shape.

        Raises:
            PluginFileError: it is too large, or no shape.
        """
        if element not in ITEM_BYTES:
            raise self.refuse(f"it makes values of the data type {element}")
        if any(size < 0 for size in shape) or len(shape) > MAX_AXES or prod(shape) > MAX_TENSOR_VALUES:
            raise self.refuse(
                f"it asks for {list(shape)} values; allowed {MAX_TENSOR_VALUES} in all, on {MAX_AXES} axes"
            )
        return Known(element, shape)

    def broadcast(self, *shapes: Shape) -> Shape:
        """The shape of values that are combined one by one.

        Raises:
            PluginFileError: the shapes do not fit.
        """
        axes = max(map(len, shapes))
        padded = [(1,) * (axes - len(shape)) + shape for shape in shapes]
        result = []
        for sizes in zip(*padded, strict=True):
            real = {size for size in sizes if size != 1}
            if len(real) > 1:
                raise self.refuse(
                    f"the shapes {' and '.join(str(list(shape)) for shape in shapes)} do not fit"
                )
            result.append(real.pop() if real else 1)
        return tuple(result)
