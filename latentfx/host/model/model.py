"""An ONNX model as a plugin file may hold one: typed, checked in its form, and written anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import PluginFileError
from latentfx.host.model import fields, wire
from latentfx.host.model.fields import AttributeType, DataType
from latentfx.host.model.wire import Record

MAX_TENSOR_VALUES: Final = 1 << 26
MAX_AXES: Final = 8
LARGEST_EXACT: Final = 1 << 24  # up to here float32 holds every whole number
MAX_NODES: Final = 20_000
MAX_FIELDS: Final = (
    25 * MAX_NODES
)  # of the whole file; the plugins of latentfx have 10 to 13 for each operator
IR_VERSIONS: Final = range(7, 14)
OPERATOR_SETS: Final = range(18, 24)

# Bytes of one value.
ITEM_BYTES: Final[Mapping[int, int]] = {
    DataType.FLOAT: 4,
    DataType.UINT8: 1,
    DataType.INT8: 1,
    DataType.UINT16: 2,
    DataType.INT16: 2,
    DataType.INT32: 4,
    DataType.INT64: 8,
    DataType.BOOL: 1,
    DataType.FLOAT16: 2,
    DataType.DOUBLE: 8,
    DataType.UINT32: 4,
    DataType.UINT64: 8,
    DataType.BFLOAT16: 2,
}
# Where the numbers of a tensor lie that are not raw, and how each is stored as bytes.
_SPELT: Final[Mapping[int, tuple[str, str]]] = {
    DataType.FLOAT: ("float_data", "<f4"),
    DataType.UINT8: ("int32_data", "u1"),
    DataType.INT8: ("int32_data", "i1"),
    DataType.UINT16: ("int32_data", "<u2"),
    DataType.INT16: ("int32_data", "<i2"),
    DataType.INT32: ("int32_data", "<i4"),
    DataType.INT64: ("int64_data", "<i8"),
    DataType.BOOL: ("int32_data", "u1"),
    DataType.FLOAT16: ("int32_data", "<u2"),
    DataType.DOUBLE: ("double_data", "<f8"),
    DataType.UINT32: ("uint64_data", "<u4"),
    DataType.UINT64: ("uint64_data", "<u8"),
    DataType.BFLOAT16: ("int32_data", "<u2"),
}
_DATA_FIELDS: Final = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
# Type of an attribute -> the field that holds it, and what stands there where the field does not come.
ATTRIBUTES: Final[Mapping[int, tuple[str, Any]]] = {
    AttributeType.FLOAT: ("f", 0.0),
    AttributeType.INT: ("i", 0),
    AttributeType.STRING: ("s", b""),
    AttributeType.TENSOR: ("t", None),
    AttributeType.GRAPH: ("g", None),
    AttributeType.FLOATS: ("floats", ()),
    AttributeType.INTS: ("ints", ()),
    AttributeType.STRINGS: ("strings", ()),
}
_VALUES: Final = frozenset(name for name, _ in ATTRIBUTES.values())
_AGAIN: Final = "Export it again with latentfx.export.export_onnx"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant: its values as little-endian bytes."""

    name: str
    element: int
    shape: tuple[int, ...]
    data: memoryview | bytes

    def values(self) -> NDArray[Any]:
        """The values as an array; those of 16 bits that numpy has no type for, as whole numbers."""
        return np.frombuffer(self.data, _SPELT[self.element][1]).reshape(self.shape)

    def whole_numbers(self) -> list[int] | None:
        """The values, where all of them are whole numbers, or true and false; else None."""
        if self.element not in (
            DataType.INT32,
            DataType.INT64,
            DataType.BOOL,
            DataType.FLOAT,
            DataType.DOUBLE,
        ):
            return None
        numbers = self.values().reshape(-1)
        if numbers.dtype.kind == "f" and not (np.abs(numbers) <= LARGEST_EXACT).all():
            return None
        whole = numbers.astype(np.int64)
        return whole.tolist() if np.array_equal(whole, numbers) else None


@dataclass(frozen=True, slots=True)
class NodeAttribute:
    """A setting of an operator: its type in ONNX, and its value."""

    type: int
    value: Any


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of a graph."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, NodeAttribute]


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph; an axis of no fixed size is None. An inner graph may tell no shape."""

    name: str
    element: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, slots=True)
class ParsedGraph:
    """Operators, in the order in which they run, and constants."""

    nodes: Sequence[Node]
    tensors: Sequence[Tensor]
    inputs: Sequence[Port]
    outputs: Sequence[Port]


@dataclass(frozen=True, slots=True)
class ParsedModel:
    """A whole file: the graph, its versions, and the texts beside it."""

    ir_version: int
    operator_set: int
    graph: ParsedGraph
    metadata: Sequence[tuple[str, str]]


def read_model(data: bytes) -> ParsedModel:
    """Read a file strictly.

    Raises:
        PluginFileError: damaged, spelt in more than one way, or with what no plugin needs.
    """
    try:
        record = wire.read(fields.MODEL, data, MAX_FIELDS)
        if "graph" not in record:
            raise PluginFileError(f"not an .onnx file of a plugin (it holds no ONNX graph). {_AGAIN}")
        metadata = [
            (entry.get("key", ""), entry.get("value", "")) for entry in record.get("metadata_props", ())
        ]
        version = record.get("ir_version", 0)
        if version not in IR_VERSIONS:
            raise PluginFileError(
                f"the file has ONNX's IR version {version}; allowed {_span(IR_VERSIONS)}. {_AGAIN}"
            )
        return ParsedModel(version, _operator_set(record), _graph(record["graph"]), metadata)
    except RecursionError:
        raise PluginFileError("not an .onnx file of a plugin (its graphs lie inside one another)") from None


def _span(versions: range) -> str:
    return f"{versions[0]} to {versions[-1]}"


def _operator_set(record: Record) -> int:
    found = {
        entry.get("domain", "") or "ai.onnx": entry.get("version", 0)
        for entry in record.get("opset_import", ())
    }
    if not found:
        raise PluginFileError(f"the file names no version of ONNX's operators. {_AGAIN}")
    version = found.pop("ai.onnx", 0)
    if found or len(record.get("opset_import", ())) != 1:
        raise PluginFileError(
            f"the file uses operators beside ONNX's own ({', '.join(map(repr, found)) or 'twice'}); a plugin "
            f"uses no others. {_AGAIN}"
        )
    if version not in OPERATOR_SETS:
        raise PluginFileError(
            f"the file uses version {version} of ONNX's operators; allowed {_span(OPERATOR_SETS)}. {_AGAIN}"
        )
    return int(version)


def _graph(record: Record) -> ParsedGraph:
    if len(record.get("node", ())) > MAX_NODES:
        raise PluginFileError(f"the graph has {len(record['node'])} operators; allowed {MAX_NODES}")
    graph = ParsedGraph(
        [_node(node) for node in record.get("node", ())],
        [_tensor(tensor) for tensor in record.get("initializer", ())],
        [_port(port) for port in record.get("input", ())],
        [_port(port) for port in record.get("output", ())],
    )
    known: set[str] = set()
    for name in _names(graph):
        if name in known:
            raise PluginFileError(
                f"not an .onnx file of a plugin (two values of its graph are called {name!r})"
            )
        known.add(name)
    return graph


def _names(graph: ParsedGraph) -> Iterator[str]:
    """Every name that a graph gives."""
    yield from (port.name for port in graph.inputs)
    yield from (tensor.name for tensor in graph.tensors)
    for node in graph.nodes:
        yield from filter(None, node.outputs)


def _node(record: Record) -> Node:
    operator, domain = record.get("op_type", ""), record.get("domain", "")
    if domain not in ("", "ai.onnx"):
        raise PluginFileError(f"operator {domain}.{operator} is none of ONNX's own; a plugin uses no others")
    attributes: dict[str, NodeAttribute] = {}
    for entry in record.get("attribute", ()):
        name = entry.get("name", "")
        if name in attributes:
            raise PluginFileError(f"operator {operator} has two attributes {name!r}")
        attributes[name] = _attribute(operator, name, entry)
    return Node(operator, tuple(record.get("input", ())), tuple(record.get("output", ())), attributes)


def _attribute(operator: str, name: str, record: Record) -> NodeAttribute:
    found = [field for field in record if field in _VALUES]
    kind = record.get("type", 0)
    field, value = ATTRIBUTES.get(kind, ("", None))
    if field:
        value = record.get(field, value)
    if not field or value is None or any(other != field for other in found):
        raise PluginFileError(
            f"attribute {name!r} of operator {operator} has the type {kind}; not what it holds"
        )
    if kind == AttributeType.TENSOR:
        value = _tensor(value)
    elif kind == AttributeType.GRAPH:
        value = _graph(value)
    elif kind == AttributeType.STRING:
        value = bytes(value)
    elif isinstance(value, list):
        value = tuple(map(bytes, value)) if kind == AttributeType.STRINGS else tuple(value)
    return NodeAttribute(kind, value)


def _tensor(record: Record) -> Tensor:
    name, element = record.get("name", ""), record.get("data_type", 0)
    if record.get("data_location", 0):
        raise PluginFileError(f"tensor {name!r} has its data in another file; a plugin is one file. {_AGAIN}")
    if element not in ITEM_BYTES:
        raise PluginFileError(f"tensor {name!r} has the data type {element}; no plugin needs it. {_AGAIN}")
    shape = tuple(record.get("dims", ()))
    if len(shape) > MAX_AXES or any(not 0 <= size <= MAX_TENSOR_VALUES for size in shape):
        raise PluginFileError(
            f"tensor {name!r} asks for {list(shape)} values; allowed {MAX_AXES} axes, and "
            f"{MAX_TENSOR_VALUES} values in all"
        )
    found = [field for field in _DATA_FIELDS if field in record]
    field, form = _SPELT[element]
    if len(found) > 1 or (found and found[0] not in ("raw_data", field)):
        raise PluginFileError(f"tensor {name!r} has its values in {' and '.join(found)}; allowed {field}")
    data = record["raw_data"] if found == ["raw_data"] else _spelt(name, record.get(field, ()), form)
    count = prod(shape)
    if count > MAX_TENSOR_VALUES:
        raise PluginFileError(f"tensor {name!r} asks for {list(shape)} values; allowed {MAX_TENSOR_VALUES}")
    if len(data) != count * ITEM_BYTES[element]:
        values = len(data) / ITEM_BYTES[element]
        raise PluginFileError(
            f"tensor {name!r} has {values:g} values for the shape {list(shape)}: a damaged file"
        )
    if element == DataType.BOOL and (np.frombuffer(data, np.uint8) > 1).any():
        raise PluginFileError(f"tensor {name!r} holds what is neither true nor false: a damaged file")
    return Tensor(name, element, shape, data)


def _spelt(name: str, numbers: Sequence[float], form: str) -> bytes:
    """Numbers that lie one by one, as bytes."""
    try:
        return np.array(numbers, form).tobytes()
    except OverflowError:
        raise PluginFileError(
            f"tensor {name!r} holds a number that its data type does not: damaged"
        ) from None


def _port(record: Record) -> Port:
    dense = record.get("type", {}).get("tensor_type", {})
    shape: tuple[int | None, ...] | None = None
    if "shape" in dense:
        axes = dense["shape"].get("dim", ())
        if any({"value", "param"} <= axis.keys() for axis in axes):
            raise PluginFileError("not an .onnx file of a plugin (an axis has a size and a name)")
        shape = tuple(axis.get("value") for axis in axes)
    return Port(record.get("name", ""), dense.get("elem_type", 0), shape)
