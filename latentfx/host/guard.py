"""Checks on an ONNX file from a stranger, made before onnxruntime parses it.

A plugin file is straight-line data: one graph of standard operators on tensors that lie inside the file. The
guard refuses everything else that ONNX can say:

- tensors kept in other files, sparse and string tensors, tensors whose data does not fill their shape;
- operators of other domains, functions, and training information;
- branches and open-ended loops. A Scan is allowed: it turns once for each frame that it is given;
- operators that are told to make something huge out of a few bytes.

Which standard operators a graph uses is left free. The guard keeps a file from reading the disk and from
filling the memory while it is opened. It is no sandbox: a graph may still be slow, or compute a large tensor
from small ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from latentfx.errors import PluginFileError, PluginNotFoundError
from latentfx.host import wire
from latentfx.host.onnx_fields import (
    AttributeField,
    DataType,
    DimensionField,
    EntryField,
    GraphField,
    ModelField,
    NodeField,
    ShapeField,
    TensorField,
    TensorTypeField,
    TypeField,
    ValueInfoField,
)
from latentfx.host.plugin_file import MAX_METADATA_BYTES, METADATA_KEY

MAX_FILE_BYTES: Final = 256 << 20
MAX_TENSOR_VALUES: Final = 1 << 26
MAX_NODES: Final = 200_000

# Bytes of one value.
_ITEM_BYTES: Final[Mapping[int, int]] = {
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
_VARINTS: Final = (TensorField.INT32_DATA, TensorField.INT64_DATA, TensorField.UINT64_DATA)
_SHORT = 16
# Operator -> index of the input that says how large its output becomes.
_SIZED_BY: Final = {
    "CenterCropPad": 1,
    "ConstantOfShape": 0,
    "Expand": 1,
    "OneHot": 1,
    "Pad": 1,
    "Range": 1,
    "Resize": 3,
    "Tile": 1,
}
_AGAIN = "Export it again with latentfx.export.export_onnx"

Constants = dict[str, list[int]]


@dataclass(frozen=True)
class Port:
    """An input or output of a graph; an axis of no fixed size is None."""

    name: str
    is_float: bool
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class FileFacts:
    """What the guard finds in a file: the metadata's JSON and the graph's ports."""

    metadata: str
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]


def read_plugin_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a plugin file whole, after a look at its size.

    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: it cannot be read, or is too large.
    """
    source = Path(path)
    try:
        size = source.stat().st_size
        if not source.is_file():
            raise PluginFileError(f"{source} is not a file; give the path of a plugin's .onnx file")
        if size > MAX_FILE_BYTES:
            raise PluginFileError(f"{source} has {size >> 20} MB; allowed {MAX_FILE_BYTES >> 20} MB")
        return source.read_bytes()
    except FileNotFoundError:
        raise PluginNotFoundError(f"no plugin file {source}; see `latentfx plugins`") from None
    except OSError as error:
        raise PluginFileError(f"cannot read {source}: {error.strerror or error}") from None


def inspect(data: bytes) -> FileFacts:
    """Check an ONNX file and find what hosts need of it.

    Raises:
        PluginFileError: it is damaged, is no latentfx plugin, or holds something that a plugin must not.
    """
    model = wire.read(memoryview(data))
    if ModelField.TRAINING_INFO in model or ModelField.FUNCTIONS in model:
        raise PluginFileError(f"a plugin file holds no functions and no training information. {_AGAIN}")
    if len(model.get(ModelField.GRAPH, ())) != 1:
        raise PluginFileError(f"not a plugin file: it holds no ONNX graph. {_AGAIN}")
    metadata = _metadata(model)
    graph = wire.read(model[ModelField.GRAPH][0].body)
    _check_graph(graph)
    inputs, outputs = (
        [_port(value.body) for value in graph.get(field, ())]
        for field in (GraphField.INPUT, GraphField.OUTPUT)
    )
    return FileFacts(metadata, {port.name: port for port in inputs}, {port.name: port for port in outputs})


def _metadata(model: wire.Message) -> str:
    entries = [wire.read(value.body) for value in model.get(ModelField.METADATA_PROPS, ())]
    ours = [entry for entry in entries if wire.text(entry, EntryField.KEY) == METADATA_KEY]
    if len(ours) != 1:
        raise PluginFileError(f"an ONNX file without latentfx metadata is not a plugin. {_AGAIN}")
    size = sum(len(value.body) for value in ours[0].get(EntryField.VALUE, ()))
    if size > MAX_METADATA_BYTES:
        raise PluginFileError(f"plugin metadata has {size} bytes; allowed {MAX_METADATA_BYTES}")
    return wire.text(ours[0], EntryField.VALUE)


def _check_graph(graph: wire.Message, around: Constants | None = None) -> None:
    """Check a graph; one inside a Scan sees the constants around it, and holds no graph itself."""
    if GraphField.SPARSE_INITIALIZER in graph:
        raise PluginFileError(f"a plugin file holds no sparse tensors. {_AGAIN}")
    nodes = graph.get(GraphField.NODE, [])
    if len(nodes) > MAX_NODES:
        raise PluginFileError(f"the graph has {len(nodes)} operators; allowed {MAX_NODES}")
    constants: Constants = dict(around or {})
    for value in graph.get(GraphField.INITIALIZER, ()):
        tensor = wire.read(value.body)
        constants[wire.text(tensor, TensorField.NAME)] = _check_tensor(tensor)
    for value in nodes:
        _check_node(wire.read(value.body), constants, may_scan=around is None)


def _check_node(node: wire.Message, constants: Constants, may_scan: bool) -> None:
    operator, domain = wire.text(node, NodeField.OP_TYPE), wire.text(node, NodeField.DOMAIN)
    if domain not in ("", "ai.onnx"):
        raise PluginFileError(f"operator {domain}.{operator} is none of ONNX's own; a plugin uses no others")
    for value in node.get(NodeField.ATTRIBUTE, ()):
        attribute = dict(wire.read(value.body))
        for body in attribute.pop(AttributeField.GRAPH, ()) if may_scan and operator == "Scan" else ():
            _check_graph(wire.read(body.body), constants)
        numbers = _check_attribute(attribute, operator)
        if operator == "Constant":
            constants.update(dict.fromkeys(wire.texts(node, NodeField.OUTPUT), numbers))
        elif wire.text(attribute, AttributeField.NAME) == "shape":
            _count(numbers, operator)
    index = _SIZED_BY.get(operator)
    inputs = wire.texts(node, NodeField.INPUT)
    if index is not None and index < len(inputs):
        _count(constants.get(inputs[index], []), operator)


def _check_attribute(attribute: wire.Message, operator: str) -> list[int]:
    """Check an attribute and return its whole numbers."""
    if AttributeField.GRAPH in attribute or AttributeField.GRAPHS in attribute:
        raise PluginFileError(f"operator {operator} holds a graph of its own; a plugin has none but Scan")
    if AttributeField.SPARSE_TENSOR in attribute or AttributeField.SPARSE_TENSORS in attribute:
        raise PluginFileError(f"a plugin file holds no sparse tensors. {_AGAIN}")
    numbers = wire.integers(attribute, AttributeField.INTEGERS) + wire.integers(
        attribute, AttributeField.INTEGER
    )
    for value in (*attribute.get(AttributeField.TENSOR, ()), *attribute.get(AttributeField.TENSORS, ())):
        numbers += _check_tensor(wire.read(value.body))
    return numbers


def _check_tensor(tensor: wire.Message) -> list[int]:
    """Check a tensor and return its values where it is a short list of int64."""
    name = wire.text(tensor, TensorField.NAME)
    if TensorField.EXTERNAL_DATA in tensor or wire.integer(tensor, TensorField.DATA_LOCATION):
        raise PluginFileError(f"tensor {name!r} has its data in another file; a plugin is one file. {_AGAIN}")
    data_type = wire.integer(tensor, TensorField.DATA_TYPE)
    if data_type not in _ITEM_BYTES or TensorField.SEGMENT in tensor or TensorField.STRING_DATA in tensor:
        raise PluginFileError(f"tensor {name!r} has the data type {data_type}; no plugin needs it. {_AGAIN}")
    dims = wire.integers(tensor, TensorField.DIMS)
    count = _count(dims, f"tensor {name!r}")
    found = _values_found(tensor, _ITEM_BYTES[data_type])
    if found != count:
        raise PluginFileError(f"tensor {name!r} has {found:g} values for the shape {dims}: a damaged file")
    if data_type != DataType.INT64 or count > _SHORT:
        return []
    raw = tensor.get(TensorField.RAW_DATA)
    return (
        np.frombuffer(raw[-1].body, "<i8").tolist() if raw else wire.integers(tensor, TensorField.INT64_DATA)
    )


def _values_found(tensor: wire.Message, item_bytes: int) -> float:
    """How many values the data of a tensor holds. It is no whole number if bytes are missing."""
    if TensorField.RAW_DATA in tensor:
        return len(tensor[TensorField.RAW_DATA][-1].body) / item_bytes
    found = sum(value.count for field in _VARINTS for value in tensor.get(field, ()))
    floats = sum(len(value.body) for value in tensor.get(TensorField.FLOAT_DATA, ())) / 4
    return found + floats + sum(len(value.body) for value in tensor.get(TensorField.DOUBLE_DATA, ())) / 8


def _count(dims: list[int], what: str) -> int:
    count = prod(abs(size) for size in dims)
    if count > MAX_TENSOR_VALUES or max(dims, default=0) > MAX_TENSOR_VALUES:
        raise PluginFileError(f"{what} asks for {dims} values; allowed {MAX_TENSOR_VALUES} in all")
    return count


def _port(body: memoryview) -> Port:
    """Read the description of an input or output: name, element type, shape."""
    port = wire.read(body)
    element, shape = 0, list[int | None]()
    for type_ in port.get(ValueInfoField.TYPE, ()):
        for dense in wire.read(type_.body).get(TypeField.TENSOR_TYPE, ()):
            tensor = wire.read(dense.body)
            element = wire.integer(tensor, TensorTypeField.ELEMENT_TYPE)
            shapes = [wire.read(value.body) for value in tensor.get(TensorTypeField.SHAPE, ())]
            axes = [axis for found in shapes for axis in found.get(ShapeField.DIM, ())]
            shape = [_size(wire.read(axis.body)) for axis in axes]
    return Port(wire.text(port, ValueInfoField.NAME), element == DataType.FLOAT, tuple(shape))


def _size(axis: wire.Message) -> int | None:
    return wire.integer(axis, DimensionField.VALUE) if DimensionField.VALUE in axis else None
