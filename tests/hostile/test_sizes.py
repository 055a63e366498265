"""What the guard says of sizes before a graph runs is what onnxruntime makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from latentfx.errors import PluginFileError
from latentfx.host.model.model import read_model
from latentfx.host.model.rewrite import write_model
from latentfx.host.sizes.plan import RULES, Plan
from latentfx.library import plugins

Array = NDArray[Any]
RNG = np.random.default_rng(0)


def x(*shape: int) -> Array:
    """Sound or so."""
    return RNG.uniform(0.1, 0.9, shape).astype(np.float32)


def n(*numbers: int) -> Array:
    """Whole numbers that are computed."""
    return np.array(numbers, np.int64)


class Fixed(np.ndarray[Any, Any]):
    """A constant of the graph."""


def c(*numbers: int) -> Array:
    """Constant whole numbers."""
    return np.array(numbers, np.int64).view(Fixed)


def one(number: int) -> Array:
    return np.array(number, np.int64).view(Fixed)


def w(*shape: int) -> Array:
    """Constant weights."""
    return x(*shape).view(Fixed)


words = str.split
Case = tuple[str, tuple[Array | None, ...], Mapping[str, Any], int]


def case(operator: str, *inputs: Array | None, outputs: int = 1, **attributes: Any) -> Case:
    return operator, inputs, attributes, outputs


CASES: list[Case] = [
    *(
        case(op, x(2, 3))
        for op in words(
            "Abs Neg Sign Ceil Floor Round Sqrt Reciprocal Exp Log Erf Sin Cos Tan Asin Acos Atan Sinh Cosh "
            "Tanh Asinh Atanh Sigmoid HardSigmoid HardSwish Relu LeakyRelu Elu Selu Celu ThresholdedRelu "
            "Softplus Softsign Gelu Mish Shrink Softmax LogSoftmax Hardmax Clip Identity LpNormalization "
            "Size Shape IsNaN IsInf"
        )
    ),
    *(case(op, x(2, 1, 3), x(4, 1)) for op in words("Add Sub Mul Div Pow Max Min Sum Mean Less Greater")),
    *(case(op, x(3), x(2, 3)) for op in words("Equal LessOrEqual GreaterOrEqual")),
    case("PRelu", x(2, 3), x(3)),
    case("Mod", x(2, 3), x(3), fmod=1),
    case("Mod", n(5, -7), c(3, 3)),
    case("Div", n(5, -7), c(3, 2)),
    case("Where", np.array([[True], [False]]), x(3), x(2, 1)),
    case("Not", np.array([True, False])),
    *(case(op, np.array([True, False]), np.array([[True]])) for op in ("And", "Or", "Xor")),
    case("BitwiseAnd", n(5, 7), n(3, 1)),
    case("Cast", x(2, 3), to=TensorProto.INT32),
    case("CastLike", x(2, 3), n(1)),
    case("Dropout", x(2, 3)),
    case("LayerNormalization", x(2, 3, 4), w(4)),
    case("BatchNormalization", x(2, 3, 4), w(3), w(3), w(3), w(3)),
    case("InstanceNormalization", x(2, 3, 4), w(3), w(3)),
    case("Shape", x(2, 3, 4), start=1, end=-1),
    case("Constant", value_ints=[1, 2, 3]),
    case("Constant", value_floats=[1.0, 2.0]),
    case("ConstantOfShape", c(2, 3)),
    case("Reshape", x(2, 3, 4), c(0, -1)),
    case("Reshape", x(2, 0, 4), c(0, 8), allowzero=1),
    case("Flatten", x(2, 3, 4), axis=2),
    case("Squeeze", x(1, 3, 1), c(-1)),
    case("Squeeze", x(1, 3, 1)),
    case("Unsqueeze", x(3, 4), c(0, -1)),
    case("Transpose", x(2, 3, 4), perm=[2, 0, 1]),
    case("Transpose", x(2, 3, 4)),
    case("Concat", x(2, 3), x(2, 1), axis=-1),
    case("Split", x(2, 7), axis=1, num_outputs=3, outputs=3),
    case("Split", x(2, 7), c(3, 4), axis=1, outputs=2),
    case("Slice", x(9, 4), c(1, -3), c(1 << 62, -1), c(0, 1), c(2, 1)),
    case("Slice", x(9, 4), c(-1), c(-(1 << 62)), c(0), c(-3)),
    case("Slice", x(9, 4), c(7), c(2), c(0), c(-2)),
    case("Slice", x(9, 4), c(20), c(30)),
    case("Gather", x(5, 4), np.array([[0, 1, 2]], np.int64), axis=1),
    case("GatherElements", x(5, 4), np.zeros((2, 4), np.int64)),
    case("GatherND", x(2, 3, 4), np.zeros((2, 5, 1), np.int64), batch_dims=1),
    case("CumSum", x(2, 3), one(1)),
    case("Trilu", x(3, 3)),
    case("ScatterElements", x(3, 3), np.zeros((2, 3), np.int64), x(2, 3), axis=0, reduction="add"),
    case("ScatterND", x(3, 3), np.array([[1]], np.int64), x(1, 3)),
    case("Expand", x(3, 1), c(2, 1, 4)),
    case("Tile", x(2, 3), c(2, 3)),
    case("Pad", x(2, 3), c(0, 1, 0, 2)),
    case("Pad", x(2, 3), c(1, 1), None, c(-1), mode="reflect"),
    case("Pad", x(2, 5), c(0, -2, 0, 1)),
    case("Range", one(2), one(11), one(3)),
    case("Range", one(11), one(2), one(-4)),
    case("Range", *(np.array(number, np.float32).view(Fixed) for number in (0, 7, 1))),
    case("EyeLike", x(3, 2)),
    case("OneHot", n(0, 2), one(4), w(2), axis=0),
    case("DepthToSpace", x(1, 8, 2, 3), blocksize=2),
    case("SpaceToDepth", x(1, 2, 4, 6), blocksize=2),
    case("Resize", x(1, 2, 4, 6), None, None, c(1, 2, 9, 3)),
    case("MatMul", x(2, 1, 3, 4), x(5, 4, 2)),
    case("MatMul", x(4), x(5, 4, 2)),
    case("Gemm", x(4, 3), w(5, 4), transA=1, transB=1),
    case("Einsum", x(2, 3), x(3, 4), equation="ij,jk->ki"),
    case("Conv", x(2, 4, 11), w(6, 2, 3), group=2, strides=[2], pads=[1, 2], dilations=[2]),
    case("Conv", x(1, 1, 5, 9), w(3, 1, 2, 3), w(3)),
    case("ConvTranspose", x(2, 4, 7), w(4, 3, 5), strides=[3], pads=[1, 2], output_padding=[1]),
    case("ConvTranspose", x(2, 4, 7), w(4, 3, 5), group=2, dilations=[2]),
    case("MaxPool", x(1, 2, 11), kernel_shape=[3], strides=[2], outputs=2),
    *(
        case("MaxPool", x(1, 2, size), kernel_shape=[3], strides=[stride], pads=[1, 1], ceil_mode=1)
        for size in (5, 6, 7, 8)
        for stride in (2, 3, 5)
    ),
    case("AveragePool", x(1, 2, 11), kernel_shape=[4], strides=[3], pads=[1, 0]),
    case("LpPool", x(1, 2, 11), kernel_shape=[4]),
    case("GlobalAveragePool", x(1, 2, 11)),
    case("GlobalMaxPool", x(1, 2, 3, 4)),
    case("Col2Im", x(1, 8, 5), c(1, 12), c(1, 4), strides=[1, 2]),
    *(
        case(f"Reduce{kind}", x(2, 3, 4), c(-1, 0), keepdims=keep)
        for kind in words("Sum Mean Max Min Prod L1 L2 LogSum LogSumExp SumSquare")
        for keep in (0, 1)
    ),
    case("ReduceSum", x(2, 3), noop_with_empty_axes=1),
    case("ReduceSum", x(2, 3)),
    case("ArgMax", x(2, 3), axis=-1),
    case("ArgMin", x(2, 3), keepdims=0),
    case("TopK", x(2, 7), c(3), outputs=2),
    case("RNN", x(5, 2, 3), w(1, 4, 3), w(1, 4, 4), hidden_size=4, outputs=2),
    case("GRU", x(5, 2, 3), w(2, 12, 3), w(2, 12, 4), hidden_size=4, direction="bidirectional", outputs=2),
    case("LSTM", x(5, 2, 3), w(1, 16, 3), w(1, 16, 4), hidden_size=4, outputs=3),
    case("DFT", x(1, 8, 1), onesided=1),
    case("DFT", x(1, 8, 3, 2), None, one(-3)),
    case("GroupNormalization", x(2, 4, 5), w(4), w(4), num_groups=2),
]  # fmt: skip


def model_of(
    operator: str, inputs: tuple[Array | None, ...], attributes: Mapping[str, Any], outputs: int
) -> onnx.ModelProto:
    """A graph of one operator; its outputs tell no shape."""
    names = ["" if value is None else f"in_{at}" for at, value in enumerate(inputs)]
    given = [(name, value) for name, value in zip(names, inputs, strict=True) if value is not None]
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in given}
    ports = [
        helper.make_tensor_value_info(name, kinds[name], value.shape)
        for name, value in given
        if not isinstance(value, Fixed)
    ]
    constants = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in given if isinstance(value, Fixed)
    ]
    made = [f"out_{at}" for at in range(outputs)]
    node = helper.make_node(operator, names, made, **attributes)
    graph = helper.make_graph(
        [node], "one", ports, [onnx.ValueInfoProto(name=name) for name in made], constants
    )
    version = 21 if operator == "GroupNormalization" else 20
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10)


def session_of(data: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("operator", "inputs", "attributes", "outputs"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_size_told_of_an_operator_is_the_size_it_makes(
    operator: str, inputs: tuple[Array | None, ...], attributes: Mapping[str, Any], outputs: int
) -> None:
    model = model_of(operator, inputs, attributes, outputs)
    values, _ = Plan(read_model(model.SerializeToString())).follow(1, 64)
    feed = {f"in_{at}": v for at, v in enumerate(inputs) if v is not None and not isinstance(v, Fixed)}
    made = session_of(model.SerializeToString()).run(None, feed)
    for at, array in enumerate(made):
        known = values[f"out_{at}"]
        assert (known.shape, known.element) == (array.shape, helper.np_dtype_to_tensor_dtype(array.dtype))
        if known.values is not None:
            np.testing.assert_array_equal(known.values, array)


def test_every_operator_that_is_allowed_is_among_the_cases() -> None:
    rare = {"Acosh", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BitShift", "RMSNormalization", "Swish"}
    assert set(RULES) - {name for name, *_ in CASES} == rare


@pytest.mark.parametrize("name", plugins())
def test_sizes_told_of_a_shipped_plugin_are_those_of_its_tensors(root: Path, name: str) -> None:
    """Every tensor of a step of 3 blocks and 2 rows, in the model that onnxruntime is given."""
    data = (root / "presets" / "plugins" / f"{name}.onnx").read_bytes()
    checked = read_model(data)
    model = onnx.load_from_string(write_model(checked))
    rows, samples = 2, 3 * 256
    values, _ = Plan(checked).follow(rows, samples)
    ports = {port.name for port in model.graph.output}
    inner = [output for node in model.graph.node for output in node.output if output and output not in ports]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, values[name].element, None) for name in inner
    )
    feed = {
        port.name: np.full(
            [
                {"axis_0": rows, "axis_2": samples}.get(d.dim_param, d.dim_value)
                for d in port.type.tensor_type.shape.dim
            ],
            0.1,
            np.float32,
        )
        for port in model.graph.input
    }
    session = session_of(model.SerializeToString())
    names = [port.name for port in session.get_outputs()]
    for output, array in zip(names, session.run(None, feed), strict=True):
        assert (output, values[output].shape) == (output, array.shape)
        if values[output].values is not None:
            np.testing.assert_array_equal(values[output].values, array, err_msg=output)


def test_whole_numbers_divided_by_computed_ones_are_refused() -> None:
    for operator in ("Div", "Mod"):
        model = model_of(operator, (n(4, 5), n(2, 0)), {}, 1)
        with pytest.raises(PluginFileError, match=rf"operator {operator} .* not known to be above 0"):
            Plan(read_model(model.SerializeToString())).follow(1, 64)
