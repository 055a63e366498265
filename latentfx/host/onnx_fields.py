"""Field numbers of ONNX's protobuf messages, as far as the guard reads them.

Source: onnx.proto, https://github.com/onnx/onnx.
"""

from __future__ import annotations

from typing import Final


class ModelField:
    """Fields of a ModelProto."""

    GRAPH: Final = 7
    METADATA_PROPS: Final = 14
    TRAINING_INFO: Final = 20
    FUNCTIONS: Final = 25


class EntryField:
    """Fields of a StringStringEntryProto."""

    KEY: Final = 1
    VALUE: Final = 2


class GraphField:
    """Fields of a GraphProto."""

    NODE: Final = 1
    INITIALIZER: Final = 5
    INPUT: Final = 11
    OUTPUT: Final = 12
    SPARSE_INITIALIZER: Final = 15


class NodeField:
    """Fields of a NodeProto."""

    INPUT: Final = 1
    OUTPUT: Final = 2
    OP_TYPE: Final = 4
    ATTRIBUTE: Final = 5
    DOMAIN: Final = 7


class AttributeField:
    """Fields of an AttributeProto."""

    NAME: Final = 1
    INTEGER: Final = 3
    TENSOR: Final = 5
    GRAPH: Final = 6
    INTEGERS: Final = 8
    TENSORS: Final = 10
    GRAPHS: Final = 11
    SPARSE_TENSOR: Final = 22
    SPARSE_TENSORS: Final = 23


class TensorField:
    """Fields of a TensorProto."""

    DIMS: Final = 1
    DATA_TYPE: Final = 2
    SEGMENT: Final = 3
    FLOAT_DATA: Final = 4
    INT32_DATA: Final = 5
    STRING_DATA: Final = 6
    INT64_DATA: Final = 7
    NAME: Final = 8
    RAW_DATA: Final = 9
    DOUBLE_DATA: Final = 10
    UINT64_DATA: Final = 11
    EXTERNAL_DATA: Final = 13
    DATA_LOCATION: Final = 14


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


class ValueInfoField:
    """Fields of a ValueInfoProto: an input or output of a graph."""

    NAME: Final = 1
    TYPE: Final = 2


class TypeField:
    """Fields of a TypeProto."""

    TENSOR_TYPE: Final = 1


class TensorTypeField:
    """Fields of a TypeProto.Tensor."""

    ELEMENT_TYPE: Final = 1
    SHAPE: Final = 2


class ShapeField:
    """Fields of a TensorShapeProto."""

    DIM: Final = 1


class DimensionField:
    """Fields of a TensorShapeProto.Dimension."""

    VALUE: Final = 1
