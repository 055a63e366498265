"""Hundreds of crafted files by seed: kinds of harm, each with its numbers and places drawn.

`python tests/hostile/many.py SEED` loads them and prints how they end, by kind.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from crafted import BLOCK, GAIN, Crafted, build, node, scan
from loader import Loader
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from spelt import flawed

from latentfx.errors import PluginFileError
from latentfx.host.graph import check_file

OF_A_KIND = 52
REFUSED = "refused"  # as the message of a file that must be refused; empty where it may also play


def spellings(draw: random.Random) -> tuple[str, bytes, str]:
    """What two readers of protobuf may read in two ways, anywhere in the file."""
    weights = {"weights": np.zeros((2, 3), np.float32)}
    plain = build([*GAIN, node("Transpose", "weights", "w", perm=[1, 0])], weights)
    return "a flaw", flawed(draw, plain), REFUSED


def bombs(draw: random.Random) -> tuple[str, bytes, str]:
    """A few bytes that ask for gigabytes, at once or by growing."""
    exponent = draw.randint(29, 60)
    first = draw.randint(1, exponent - 1)
    huge = [1 << first, 1 << (exponent - first)]
    operator = draw.choice(("ConstantOfShape", "Expand", "Tile", "Pad", "Range", "Resize", "OneHot", "grown"))
    ends: dict[str, Any] = {
        "huge": huge, "flat": [1, 1, 1 << exponent], "zero": np.int64(0), "step": np.int64(1),
        "end": np.int64(1 << exponent), "pair": np.float32([0, 1]), "sides": [0, 0, 0, 0, 0, 1 << exponent],
    }  # fmt: skip
    made = {
        "ConstantOfShape": ["huge"], "Expand": ["audio", "flat"], "Tile": ["audio", "flat"],
        "Pad": ["audio", "sides"], "Range": ["zero", "end", "step"], "Resize": ["audio", "", "", "flat"],
        "OneHot": ["zero", "end", "pair"],
    }  # fmt: skip
    if operator == "grown":
        times = draw.randint(2, 6)
        turns = draw.randint(26, 40)
        grown = [node("Concat", " ".join(["audio"] * times), "g0", axis=2)]
        grown += [node("Concat", " ".join([f"g{at}"] * times), f"g{at + 1}", axis=2) for at in range(turns)]
        nodes = [*grown, node("Identity", f"g{turns}", "big")]
    else:
        nodes = [helper.make_node(operator, made[operator], ["big"])]
    end = [node("ReduceMax", "big", "top", keepdims=0), node("Add", "audio top", "audio_out")]
    if operator in ("Range", "OneHot"):
        end.insert(0, node("Cast", "big", "cast", to=TensorProto.FLOAT))
        end[1].input[0] = "cast"
    return operator, build([*nodes, *end], ends), REFUSED


def computed(draw: random.Random) -> tuple[str, bytes, str]:
    """Sizes that follow from the sound or from a control."""
    source = draw.choice(("audio", "controls", "state_memory"))
    nodes = [
        node(draw.choice(("ReduceMax", "ReduceSum", "ReduceMean", "ReduceL2")), source, "loud", keepdims=0),
        node("Mul", "loud factor", "size_f"),
        node("Cast", "size_f", "size_0", to=TensorProto.INT64),
        node("Reshape", "size_0 one", "size"),
    ]
    operator, inputs = draw.choice(
        (("ConstantOfShape", "size"), ("Expand", "audio size"), ("Range", "zero size_0 step"),
         ("OneHot", "zero size pair"), ("Reshape", "audio size"), ("TopK", "audio size"))
    )  # fmt: skip
    outputs = "big other" if operator == "TopK" else "big"
    constants = {
        "factor": np.float32(10.0 ** draw.randint(1, 9)), "one": [1], "zero": np.int64(0),
        "step": np.int64(1), "pair": np.float32([0, 1]),
    }  # fmt: skip
    return operator, build([*nodes, node(operator, inputs, outputs)], constants), REFUSED


_STRANGE = (
    "NonZero", "Unique", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli", "SequenceEmpty",
    "SplitToSequence", "StringNormalizer", "ImageDecoder", "Optional", "Compress", "NonMaxSuppression",
    "Loop", "If", "SequenceMap", "Print", "PyOp", "Read",
)  # fmt: skip


def operators(draw: random.Random) -> tuple[str, bytes, str]:
    """Operators that have no rule, or that come from elsewhere."""
    operator = draw.choice(_STRANGE)
    strange = node(operator, "audio", "strange")
    if draw.random() < 0.3:
        strange.domain = draw.choice(("com.microsoft", "ai.onnx.ml", "ai.onnx.training", "com.evil", "\0"))
    return operator, build([strange, *GAIN]), REFUSED


def loops(draw: random.Random) -> tuple[str, bytes, str]:
    """Turns without end, or more than the block has samples."""
    turns = draw.randint(BLOCK * 33, 1 << 40)
    body = helper.make_graph([node("Identity", "x", "y")], "body", [], [])
    kind = draw.choice(("Loop", "If", "Scan", "Scan in a Scan"))
    if kind == "Scan":
        return kind, build(scan("turns_x"), {"turns": [turns]}), REFUSED
    inner = node(kind if kind != "Scan in a Scan" else "Scan", "audio", "looped", body=body)
    if kind == "Scan in a Scan":
        outer = helper.make_graph([inner], "outer", [], [])
        inner = node("Scan", "audio", "looped", body=outer, num_scan_inputs=1)
    return kind, build([inner, *GAIN], {"turns": np.int64(turns)}), REFUSED


def faults(draw: random.Random) -> tuple[str, bytes, str]:
    """Divisions that fault, settings that nothing fits, and places beyond the end."""
    kind = draw.choice(("divide", "by the sound", "pool", "gather", "length", "slice"))
    if kind == "divide":
        by = draw.choice((0, -1, -(1 << 63), -draw.randint(2, 1 << 40)))
        what = node(draw.choice(("Div", "Mod")), "one by", "q")
        nodes = [what, node("Cast", "q", "f", to=TensorProto.FLOAT), node("Add", "audio f", "audio_out")]
        return kind, build(nodes, {"one": [draw.choice((1, -(1 << 63)))], "by": [by]}), REFUSED
    if kind == "by the sound":
        nodes = [
            node("Cast", "audio", "whole", to=draw.choice((TensorProto.INT32, TensorProto.INT64))),
            node(draw.choice(("Div", "Mod")), "whole whole", "q"),
            node("Cast", "q", "audio_out", to=TensorProto.FLOAT),
        ]
        return kind, build(nodes), REFUSED
    if kind == "pool":
        settings = {"kernel_shape": [draw.choice((0, -1, 2))], "strides": [draw.choice((0, -3))]}
        return kind, build([node("MaxPool", "audio", "p", **settings), *GAIN]), REFUSED
    if kind == "gather":
        place = [draw.choice((-1, 1)) * draw.randint(100, 1 << 40)]
        return kind, build([node("Gather", "audio place", "g", axis=2), *GAIN], {"place": place}), ""
    if kind == "slice":
        ends = {name: [draw.randint(-(1 << 40), 1 << 40)] for name in ("start", "stop")}
        return kind, build([node("Slice", "audio start stop", "s"), *GAIN], ends), ""
    times = draw.randint(2, 5)
    return kind, build([node("Concat", " ".join(["audio"] * times), "audio_out", axis=2)]), REFUSED


def numbers(draw: random.Random) -> tuple[str, bytes, str]:
    """Sound that is none from some level on; it plays, and what is none is silence."""
    bad = draw.choice((np.nan, np.inf, -np.inf, 10.0 ** draw.randint(5, 38), -(10.0 ** draw.randint(5, 38))))
    nodes = [
        node("Greater", "audio limit", "loud"),
        node("Where", "loud bad audio", "audio_out"),
        node("ReduceMax", "audio_out", "top", keepdims=0),
        node("Add", "state_memory top", "state_memory_out"),
    ]
    limit = np.float32(draw.uniform(0.1, 0.9))
    return f"{bad:g}", build(nodes, {"limit": limit, "bad": np.float32(bad)}), ""


def external(draw: random.Random) -> tuple[str, bytes, str]:
    """Data that lies elsewhere: in a constant, an attribute, or a Scan."""
    tensor = numpy_helper.from_array(np.zeros(draw.randint(1, 9), np.float32), "weights")
    tensor.ClearField("raw_data")
    if draw.random() < 0.7:
        tensor.data_location = TensorProto.EXTERNAL
    place = draw.choice(
        ("/etc/passwd", "../" * draw.randint(1, 9) + "secret", "weights.bin", "file:///x", "")
    )
    for key, value in (("location", place), ("offset", str(draw.randint(0, 1 << 62))), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    model = onnx.load_from_string(build(GAIN))
    where = draw.choice(("constant", "attribute", "scan", "sparse"))
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    if where == "constant":
        model.graph.initializer.append(tensor)
    elif where == "attribute":
        model.graph.node.append(constant)
    elif where == "scan":
        body = helper.make_graph([constant], "body", [], [])
        model.graph.node.append(node("Scan", "audio", "looped", body=body, num_scan_inputs=1))
    else:
        sparse = AttributeProto(name="value", type=AttributeProto.SPARSE_TENSOR)
        model.graph.node.append(onnx.NodeProto(op_type="Constant", output=["s"], attribute=[sparse]))
    return where, model.SerializeToString(), REFUSED


def metadata(draw: random.Random) -> tuple[str, bytes, str]:
    """JSON that is deep, double, endless or of other types than it should be."""
    model = onnx.load_from_string(build(GAIN))
    raw = json.loads(model.metadata_props[0].value)
    kind = draw.choice(("deep", "twice", "digits", "constant", "type", "size", "text", "cut"))
    text = json.dumps(raw)
    if kind == "deep":
        text = text.replace(
            '"report": {}', '"report": {"a": ' + "[" * (deep := draw.randint(17, 9999)) + "]" * deep + "}"
        )
    elif kind == "twice":
        name = draw.choice(sorted(raw))
        text = text[:-1] + f', "{name}": 1}}'
    elif kind == "digits":
        text = text.replace('"latency": 0', '"latency": ' + "9" * draw.randint(65, 5000))
    elif kind == "constant":
        text = text.replace(
            '"latency": 0', f'"latency": {draw.choice(("NaN", "Infinity", "-Infinity", "1e999"))}'
        )
    elif kind == "type":
        raw["spec"][draw.choice(sorted(raw["spec"]))] = draw.choice((None, [], {}, "x", 1e300, -5, [[1]]))
        text = json.dumps(raw)
    elif kind == "size":
        shape = [draw.choice((-1, 1 << 40, 1 << 62))] * draw.randint(1, 4)
        raw["state"]["memory"] = {"shape": shape, "fill": 0}
        text = json.dumps(raw)
    elif kind == "text":
        steers = draw.choice(("\x1b[2J", "\x1b]0;x\a", "[red]", "[/]", "\u202e", "\r\n", "\b" * 9))
        raw["spec"]["description"] = steers * draw.randint(1, 999)
        text = json.dumps(raw)
    else:
        text = text[: draw.randint(0, len(text) - 1)]
    model.metadata_props[0].value = text
    return kind, model.SerializeToString(), "" if kind in ("text", "type") else REFUSED


def graphs(draw: random.Random) -> tuple[str, bytes, str]:
    """Names that nothing makes, or that two make; ports of other shapes and types."""
    model = onnx.load_from_string(build([node("Mul", "audio controls", "m"), node("Tanh", "m", "audio_out")]))
    graph = model.graph
    kind = draw.choice(("nothing makes it", "two make it", "order", "shape", "type", "lost", "opset", "ir"))
    if kind == "nothing makes it":
        graph.node[draw.randint(0, 1)].input[0] = draw.choice(("x", "", "audio_out", "\0"))
    elif kind == "two make it":
        graph.node[1].output[0] = draw.choice(("m", "audio", "controls"))
    elif kind == "order":
        graph.node[0].CopyFrom(model.graph.node[1])
    elif kind in ("shape", "type"):
        port = draw.choice([*graph.input, *graph.output]).type.tensor_type
        if kind == "type":
            port.elem_type = draw.choice((TensorProto.INT32, TensorProto.STRING, TensorProto.DOUBLE, 99))
        else:
            port.shape.dim[draw.randint(0, 1)].dim_value = draw.choice((-1, 3, 1 << 40))
    elif kind == "lost":
        ports = draw.choice((graph.input, graph.output))
        del ports[draw.randrange(len(ports))]
    elif kind == "opset":
        model.opset_import[0].version = draw.choice((0, 1, 17, 99, 1 << 40))
    else:
        model.ir_version = draw.choice((0, 3, 6, 99, 1 << 40))
    return kind, model.SerializeToString(), REFUSED


KINDS: tuple[Callable[[random.Random], tuple[str, bytes, str]], ...] = (
    spellings, bombs, computed, operators, loops, faults, numbers, external, metadata, graphs,
)  # fmt: skip


def many(seed: int, of_a_kind: int = OF_A_KIND) -> Iterator[Crafted]:
    """So many files of each kind; the same seed gives the same files."""
    for make in KINDS:
        draw = random.Random(f"{make.__name__} {seed}")
        for _ in range(of_a_kind):
            name, data, message = make(draw)
            yield Crafted(make.__name__, name, data, message)


Outcomes = Counter[tuple[str, str]]


def try_all(files: Iterable[Crafted], loader: Loader) -> Outcomes:
    """How the files end, by kind: `refused unread`, `refused when it runs`, or `plays`.

    Raises:
        AssertionError: a file that must be refused is not, or one crashes or hangs.
    """
    outcomes: Outcomes = Counter()
    for file in files:
        try:
            check_file(file.data)
        except PluginFileError:
            outcomes[file.kind, "refused unread"] += 1
            continue
        assert file.message != REFUSED, f"{file.kind}, {file.name}: passes"
        plays = loader.load(file.data).startswith("plugin")
        outcomes[file.kind, "plays" if plays else "refused when it runs"] += 1
    return outcomes


def table(outcomes: Outcomes) -> str:
    """A line for each kind."""
    ends = ("refused unread", "refused when it runs", "plays")
    kinds = dict.fromkeys(kind for kind, _ in outcomes)
    rows = [[kind, *(str(outcomes[kind, end]) for end in ends)] for kind in kinds]
    total = ["all", *(str(sum(outcomes[kind, end] for kind in kinds)) for end in ends)]
    return "\n".join(" | ".join(cell.rjust(20) for cell in row) for row in [["kind", *ends], *rows, total])


def main() -> None:
    """Try the files of the seed on the command line, and print the table."""
    loader = Loader()
    try:
        sys.stdout.write(table(try_all(many(int(sys.argv[1])), loader)) + "\n")
    finally:
        loader.close()


if __name__ == "__main__":
    main()
