"""ONNX's protobuf messages, as far as a plugin file may use them.

What is marked as refused exists in ONNX and has no place in a plugin: tensors in other files, sparse tensors,
functions, training information, types that are no tensors. Nothing else is known.

Source: onnx.proto, https://github.com/onnx/onnx.
"""

from __future__ import annotations

from typing import Final

from latentfx.host.model.wire import NOTHING, Field, Kind, Message


class DataType:
    """Values of TensorProto.DataType. Strings, complex numbers and packed 4-bit values are left out."""

    FLOAT: Final = 1
    UINT8: Final = 2
    INT8: Final = 3
    UINT16: Final = 4
    INT16: Final = 5
    INT32: Final = 6
    INT64: Final = 7
    BOOL: Final = 9
    FLOAT16: Final = 10
    DOUBLE: Final = 11
    UINT32: Final = 12
    UINT64: Final = 13
    BFLOAT16: Final = 16


class AttributeType:
    """Values of AttributeProto.AttributeType that a plugin may use."""

    FLOAT: Final = 1
    INT: Final = 2
    STRING: Final = 3
    TENSOR: Final = 4
    GRAPH: Final = 5
    FLOATS: Final = 6
    INTS: Final = 7
    STRINGS: Final = 8


def _one(name: str, kind: Kind, message: Message = NOTHING) -> Field:
    return Field(name, kind, False, message)


def _many(name: str, kind: Kind, message: Message = NOTHING) -> Field:
    return Field(name, kind, True, message)


def _refused(name: str) -> Field:
    return Field(name, Kind.REFUSED)


ENTRY: Final = Message("StringStringEntryProto", {1: _one("key", Kind.STRING), 2: _one("value", Kind.STRING)})
OPERATOR_SET: Final = Message(
    "OperatorSetIdProto", {1: _one("domain", Kind.STRING), 2: _one("version", Kind.INT64)}
)
DIMENSION: Final = Message(
    "Dimension",
    {1: _one("value", Kind.INT64), 2: _one("param", Kind.STRING), 3: _one("denotation", Kind.STRING)},
)
SHAPE: Final = Message("TensorShapeProto", {1: _many("dim", Kind.MESSAGE, DIMENSION)})
TENSOR_TYPE: Final = Message(
    "TypeProto.Tensor", {1: _one("elem_type", Kind.INT32), 2: _one("shape", Kind.MESSAGE, SHAPE)}
)
TYPE: Final = Message(
    "TypeProto",
    {
        1: _one("tensor_type", Kind.MESSAGE, TENSOR_TYPE),
        4: _refused("sequences"),
        5: _refused("maps"),
        6: _one("denotation", Kind.STRING),
        7: _refused("opaque types"),
        8: _refused("sparse tensors"),
        9: _refused("optional types"),
    },
)
PORT: Final = Message(
    "ValueInfoProto",
    {
        1: _one("name", Kind.STRING),
        2: _one("type", Kind.MESSAGE, TYPE),
        3: _one("doc_string", Kind.STRING),
        4: _many("metadata_props", Kind.MESSAGE, ENTRY),
    },
)
TENSOR: Final = Message(
    "TensorProto",
    {
        1: _many("dims", Kind.INT64),
        2: _one("data_type", Kind.INT32),
        3: _refused("tensors in segments"),
        4: _many("float_data", Kind.FLOAT),
        5: _many("int32_data", Kind.INT32),
        6: _refused("tensors of text"),
        7: _many("int64_data", Kind.INT64),
        8: _one("name", Kind.STRING),
        9: _one("raw_data", Kind.BYTES),
        10: _many("double_data", Kind.DOUBLE),
        11: _many("uint64_data", Kind.UINT64),
        12: _one("doc_string", Kind.STRING),
        13: _refused("tensor with its data in another file"),
        14: _one("data_location", Kind.INT32),
        16: _many("metadata_props", Kind.MESSAGE, ENTRY),
    },
)
_GRAPH_FIELDS: dict[int, Field] = {}
GRAPH: Final = Message("GraphProto", _GRAPH_FIELDS)
ATTRIBUTE: Final = Message(
    "AttributeProto",
    {
        1: _one("name", Kind.STRING),
        2: _one("f", Kind.FLOAT),
        3: _one("i", Kind.INT64),
        4: _one("s", Kind.BYTES),
        5: _one("t", Kind.MESSAGE, TENSOR),
        6: _one("g", Kind.MESSAGE, GRAPH),
        7: _many("floats", Kind.FLOAT),
        8: _many("ints", Kind.INT64),
        9: _many("strings", Kind.BYTES),
        10: _refused("lists of tensors"),
        11: _refused("lists of graphs"),
        13: _one("doc_string", Kind.STRING),
        14: _refused("types as attributes"),
        15: _refused("types as attributes"),
        20: _one("type", Kind.INT32),
        21: _refused("references to attributes"),
        22: _refused("sparse tensors"),
        23: _refused("sparse tensors"),
    },
)
NODE: Final = Message(
    "NodeProto",
    {
        1: _many("input", Kind.STRING),
        2: _many("output", Kind.STRING),
        3: _one("name", Kind.STRING),
        4: _one("op_type", Kind.STRING),
        5: _many("attribute", Kind.MESSAGE, ATTRIBUTE),
        6: _one("doc_string", Kind.STRING),
        7: _one("domain", Kind.STRING),
        8: _refused("overloaded functions"),
        9: _many("metadata_props", Kind.MESSAGE, ENTRY),
        10: _refused("plans for several devices"),
    },
)
_GRAPH_FIELDS |= {
    1: _many("node", Kind.MESSAGE, NODE),
    2: _one("name", Kind.STRING),
    5: _many("initializer", Kind.MESSAGE, TENSOR),
    10: _one("doc_string", Kind.STRING),
    11: _many("input", Kind.MESSAGE, PORT),
    12: _many("output", Kind.MESSAGE, PORT),
    13: _many("value_info", Kind.MESSAGE, PORT),
    14: _refused("notes on quantization"),
    15: _refused("sparse tensors"),
    16: _many("metadata_props", Kind.MESSAGE, ENTRY),
}
MODEL: Final = Message(
    "ModelProto",
    {
        1: _one("ir_version", Kind.INT64),
        2: _one("producer_name", Kind.STRING),
        3: _one("producer_version", Kind.STRING),
        4: _one("domain", Kind.STRING),
        5: _one("model_version", Kind.INT64),
        6: _one("doc_string", Kind.STRING),
        7: _one("graph", Kind.MESSAGE, GRAPH),
        8: _many("opset_import", Kind.MESSAGE, OPERATOR_SET),
        14: _many("metadata_props", Kind.MESSAGE, ENTRY),
        20: _refused("training information"),
        25: _refused("functions"),
        26: _refused("plans for several devices"),
    },
)
