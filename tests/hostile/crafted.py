"""Small files made to do harm, by kind. Each is a whole plugin file, with metadata that is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from latentfx.control import Control
from latentfx.host.plugin_file import METADATA_KEY, Metadata, dump_metadata
from latentfx.spec import PluginSpec

BLOCK = 64
SPEC = PluginSpec("crafted", 48_000, BLOCK, 0, controls=(Control("gain", 0.0, 1.0, 1.0),))
STATE = {"memory": np.zeros((1, 4), np.float32)}
Nodes = Sequence[onnx.NodeProto]


@dataclass(frozen=True)
class Crafted:
    """A file, and what the error about it says; empty where it plays."""

    kind: str
    name: str
    data: bytes
    message: str


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def build(nodes: Nodes, constants: Mapping[str, ArrayLike] | None = None, **texts: str) -> bytes:
    """A plugin of these operators, which make `audio_out` of `audio`. The state stays unless they make it."""
    made = {output for one in nodes for output in one.output}
    rest = [] if "state_memory_out" in made else [node("Identity", "state_memory", "state_memory_out")]
    rest += [] if "audio_out" in made else [node("Identity", "audio", "audio_out")]
    shapes = {"audio": (1, "samples"), "controls": (1,), "state_memory": (1, 4)}
    outputs = {"audio_out": (1, "samples"), "state_memory_out": (1, 4)}
    ports = [
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *axes])
            for name, axes in some.items()
        ]
        for some in (shapes, outputs)
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph([*nodes, *rest], "crafted", *ports, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    text = dump_metadata(Metadata(SPEC, STATE, {"method": "by hand", "licence": "none"}))
    for old, new in texts.items():
        text = text.replace(old, new)
    helper.set_model_props(model, {METADATA_KEY: text})
    data: bytes = model.SerializeToString()
    return data


def field(number: int, wire: int, body: bytes = b"", tag_bits: int = 0) -> bytes:
    """A field of a message; `tag_bits` are added above the 32 bits that a tag has."""
    key = varint((number << 3 | wire) + (tag_bits << 32))
    return key + (varint(len(body)) + body if wire == 2 else body)


def varint(value: int, spare: int = 0) -> bytes:
    """A number; `spare` bytes more than it needs."""
    spelt = bytearray()
    while value > 0x7F:
        spelt.append(value & 0x7F | 0x80)
        value >>= 7
    spelt.append(value)
    for _ in range(spare):
        spelt[-1] |= 0x80
        spelt.append(0)
    return bytes(spelt)


GAIN = [node("Mul", "audio controls", "audio_out")]
_IDENTITY = field(4, 2, b"Identity")


def _respelt(old: bytes, new: bytes) -> bytes:
    """A plugin whose one Identity lies in the bytes in another spelling; lengths around it are mended."""
    raw = node("Identity", "audio", "audio_out").SerializeToString()
    assert old in raw
    data = build([node("Identity", "audio", "audio_out")])
    model = onnx.load_from_string(data)
    del model.graph.node[0]
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    changed = raw.replace(old, new)
    rest: bytes = model.SerializeToString()
    return field(7, 2, field(1, 2, changed) + graph) + rest


def spellings() -> Iterator[Crafted]:
    """What two readers of protobuf may read in two ways."""
    read = field(4, 2, b"Loop")
    foreign = field(7, 2, b"com.evil", tag_bits=1)
    yield Crafted("spelling", "tag above 32 bits", _respelt(_IDENTITY, _IDENTITY + foreign), "has no field")
    other_wire = varint(4 << 3 | 5) + b"Loop"
    yield Crafted(
        "spelling", "wrong wire type", _respelt(_IDENTITY, _IDENTITY + other_wire), "the wire type 5"
    )
    yield Crafted("spelling", "field twice", _respelt(_IDENTITY, read + _IDENTITY), "op_type comes twice")
    long = varint(4 << 3 | 2) + varint(8, spare=1) + b"Identity"
    yield Crafted("spelling", "long number", _respelt(_IDENTITY, long), "not in its shortest form")
    unknown = field(200, 2, b"?")
    yield Crafted("spelling", "unknown field", _respelt(_IDENTITY, _IDENTITY + unknown), "has no field 200")
    plain = build(GAIN)
    yield Crafted("spelling", "flatbuffer beside it", b"\x18\0\0\0ORTM" + plain, "not an .onnx file")
    yield Crafted("spelling", "flatbuffer in a field", field(1, 0, b"\x0a") + plain, "ir_version comes twice")
    group = varint(1 << 3 | 3) + varint(1 << 3 | 4)
    yield Crafted("spelling", "group", plain + group, "the wire type 3")
    yield Crafted("spelling", "second graph", plain + field(7, 2, b""), "graph comes twice")


def bombs() -> Iterator[Crafted]:
    """A few bytes that ask for gigabytes."""
    huge, rule = [1 << 20, 1 << 12], "breaks a rule"
    kept = node("ReduceMax", "big", "top", keepdims=0)
    used = node("Add", "audio top", "audio_out")
    loud = [node("ReduceMax", "audio", "loud", keepdims=0), node("Mul", "loud million", "size_f")]
    size = [
        *loud,
        node("Cast", "size_f", "size_0", to=TensorProto.INT64),
        node("Reshape", "size_0 one", "size"),
    ]
    million = {"million": np.float32(1e9), "one": [1], "zero": np.int64(0), "step": np.int64(1)}
    sources: dict[str, tuple[list[onnx.NodeProto], dict[str, ArrayLike]]] = {
        "ConstantOfShape": ([node("ConstantOfShape", "huge", "big")], {"huge": huge}),
        "ConstantOfShape with 17 axes": (
            [node("ConstantOfShape", "huge", "big")], {"huge": [1] * 15 + [1 << 15, 1 << 14]}
        ),
        "Expand": ([node("Expand", "audio huge", "big")], {"huge": [1, *huge, 1]}),
        "Tile": ([node("Tile", "audio huge", "big")], {"huge": [1, 1, 1 << 40]}),
        "Pad": ([node("Pad", "audio huge", "big")], {"huge": [0, 0, 0, 0, 0, 1 << 33]}),
        "Range": ([node("Range", "zero end step", "big")], {"end": np.int64(1 << 40)}),
        "Resize": ([node("Resize", "audio   huge", "big")], {"huge": [1, 1, 1 << 40]}),
        "OneHot": (
            [node("OneHot", "zero end pair", "big")], {"end": np.int64(1 << 40), "pair": np.float32([0, 1])}
        ),
        "product of constants": (
            [node("Mul", "part part", "huge"), node("ConstantOfShape", "huge", "big")], {"part": [1 << 20]}
        ),
        "product of matrices": (
            [
                node("ConstantOfShape", "tall", "a"), node("ConstantOfShape", "wide", "b"),
                node("MatMul", "a b", "big"),
            ],
            {"tall": [1 << 20, 1], "wide": [1, 1 << 20]},
        ),
        "outer sum": (
            [node("Transpose", "row", "column", perm=[1, 0]), node("Add", "row column", "big")],
            {"row": np.zeros((1, 1 << 14), np.float32)},
        ),
        "many of 64 MB": (
            [
                *(node("ConstantOfShape", "size_c", f"b{at}") for at in range(16)),
                node("Sum", " ".join(f"b{at}" for at in range(16)), "big"),
            ],
            {"size_c": [1 << 24]},
        ),
        "filter": (
            [node("ConstantOfShape", "huge", "x"), node("Conv", "x weights", "big", pads=[9999, 9999])],
            {"huge": [1, 1, 1 << 22], "weights": np.zeros((256, 1, 3), np.float32)},
        ),
        "doubled": (
            [node("Concat", "audio audio", "d0", axis=2)]
            + [node("Concat", f"d{at} d{at}", f"d{at + 1}", axis=2) for at in range(30)]
            + [node("Identity", "d30", "big")],
            {},
        ),
    }  # fmt: skip
    for name, (nodes, constants) in sources.items():
        nodes = [onnx.NodeProto.FromString(one.SerializeToString()) for one in nodes]
        for one in nodes:
            if one.op_type == "Resize":
                one.input[:] = ["audio", "", "", "huge"]
        yield Crafted("bomb", name, build([*nodes, kept, used], million | constants), rule)
    for operator, inputs in (
        ("ConstantOfShape", "size"),
        ("Expand", "audio size"),
        ("Tile", "audio size"),
        ("Reshape", "audio size"),
        ("Range", "zero size step"),
        ("OneHot", "zero size pair"),
        ("TopK", "audio size"),
    ):
        outputs = "big other" if operator == "TopK" else "big"
        nodes = [*size, node(operator, inputs, outputs), kept, used]
        data = build(nodes, million | {"pair": np.float32([0, 1])})
        yield Crafted("bomb", f"{operator} by the sound", data, "follows from values that are computed")
    for operator in (
        "NonZero",
        "Unique",
        "RandomUniformLike",
        "Multinomial",
        "SequenceAt",
        "StringNormalizer",
    ):
        yield Crafted(
            "operator",
            operator,
            build([node(operator, "audio", "big")]),
            f"operator {operator} is not allowed",
        )


def loops() -> Iterator[Crafted]:
    """What does not end."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", "on", "on_out"), node("Add", "x x", "x_out")],
        "body",
        [
            value("turn", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("x", TensorProto.FLOAT, None),
        ],
        [value("on_out", TensorProto.BOOL, []), value("x_out", TensorProto.FLOAT, None)],
    )
    loop = node("Loop", "turns yes audio", "audio_out", body=body)
    data = build([loop], {"turns": np.int64(1 << 40), "yes": np.True_})
    yield Crafted("loop", "Loop", data, "operator Loop is not allowed")
    yield Crafted("loop", "Loop where it is loud", endless(), "operator Loop is not allowed")
    branch = helper.make_graph(
        [node("Identity", "audio", "y")], "b", [], [value("y", TensorProto.FLOAT, None)]
    )
    either = node("If", "yes", "audio_out", then_branch=branch, else_branch=branch)
    yield Crafted("loop", "If", build([either], {"yes": np.True_}), "operator If is not allowed")
    yield Crafted(
        "loop", "Scan of 4 million", build(scan("turns_x"), {"turns": [1 << 22]}), "turns 4194304 times"
    )
    yield Crafted("loop", "Scan of the block", build(scan(None)), "")


def endless(limit: float = 1.5) -> bytes:
    """A plugin whose step does not end where the audio lies above a limit, and which else plays it."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", "on", "on_out"), node("Sin", "x", "x_out")],
        "body",
        [
            value("turn", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("x", TensorProto.FLOAT, None),
        ],
        [value("on_out", TensorProto.BOOL, []), value("x_out", TensorProto.FLOAT, None)],
    )
    nodes = [
        node("ReduceMax", "audio", "top", keepdims=0),
        node("Sub", "top limit", "over"),
        node("Relu", "over", "loud"),
        node("Mul", "loud many", "count"),
        node("Cast", "count", "turns", to=TensorProto.INT64),
        node("Loop", "turns yes audio", "audio_out", body=body),
    ]
    return build(nodes, {"limit": np.float32(limit), "many": np.float32(1e12), "yes": np.True_})


def scan(over: str | None) -> list[onnx.NodeProto]:
    """A running sum over the samples of a block, or over as many zeros as `turns` says."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Add", "sum x", "sum_out"), node("Identity", "sum_out", "y")],
        "body",
        [value("sum", TensorProto.FLOAT, None), value("x", TensorProto.FLOAT, None)],
        [value("sum_out", TensorProto.FLOAT, None), value("y", TensorProto.FLOAT, None)],
    )
    start = [node("ReduceSum", "audio", "total", keepdims=0), node("Sub", "total total", "nothing")]
    if over is not None:
        long = node("ConstantOfShape", "turns", over)
        return [*start, long, node("Scan", f"nothing {over}", "end every", body=body, num_scan_inputs=1)]
    rows = [node("ReduceMax", "audio", "row", keepdims=0), node("Mul", "row audio", "scaled")]
    first = [node("ReduceSum", "audio", "sums", keepdims=1)]
    first[0].input.append("axis")
    axis = helper.make_node("Constant", [], ["axis"], value_ints=[2])
    cut = node("Squeeze", "sums axis", "carried")
    inner = helper.make_node(
        "Scan", ["carried", "scaled"], ["last", "audio_out"], body=body, num_scan_inputs=1,
        scan_input_axes=[2], scan_output_axes=[2],
    )  # fmt: skip
    return [axis, *rows, *first, cut, inner]


def faults() -> Iterator[Crafted]:
    """What ends the process, or gives numbers that are no sound."""
    divide = [
        node("Div", "one nothing", "q"),
        node("Cast", "q", "f", to=TensorProto.FLOAT),
        node("Add", "audio f", "audio_out"),
    ]
    yield Crafted(
        "fault", "integer division by 0", build(divide, {"one": [1], "nothing": [0]}), "known to be above 0"
    )
    lowest = {"one": [-(1 << 63)], "nothing": [-1]}
    yield Crafted("fault", "lowest number by -1", build(divide, lowest), "known to be above 0")
    pool = [
        node("MaxPool", "audio", "y", kernel_shape=[2], strides=[0]),
        node("Identity", "audio", "audio_out"),
    ]
    yield Crafted("fault", "strides of 0", build(pool), "must be 1 or more")
    tiled = [node("Concat", "audio audio", "audio_out", axis=2)]
    yield Crafted("fault", "output of another length", build(tiled), "its file promises")


def numbers() -> Iterator[Crafted]:
    """Sound that is none, once it gets loud."""
    for name, bad in (("NaN", np.nan), ("infinity", np.inf), ("far too loud", 1e30)):
        nodes = [
            node("Greater", "audio limit", "loud"),
            node("Where", "loud bad audio", "audio_out"),
            node("ReduceMax", "audio_out", "top", keepdims=0),
            node("Add", "state_memory top", "state_memory_out"),
        ]
        yield Crafted("numbers", name, build(nodes, {"limit": np.float32(0.9), "bad": np.float32(bad)}), "")


def external() -> Iterator[Crafted]:
    """Data that lies elsewhere."""
    model = onnx.load_from_string(build(GAIN, {"weights": np.zeros(4, np.float32)}))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    yield Crafted(
        "external", "weights in another file", model.SerializeToString(), "its data in another file"
    )
    model = onnx.load_from_string(build(GAIN))
    attribute = AttributeProto(name="value", type=AttributeProto.SPARSE_TENSOR)
    model.graph.node.append(onnx.NodeProto(op_type="Constant", output=["s"], attribute=[attribute]))
    yield Crafted("external", "sparse constant", model.SerializeToString(), "has the type 11")


MAKERS: tuple[Callable[[], Iterator[Crafted]], ...] = (spellings, bombs, loops, faults, numbers, external)


def every() -> list[Crafted]:
    """All files of all kinds."""
    return [one for make in MAKERS for one in make()]
