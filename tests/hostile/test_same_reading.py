"""Where our reader and the parser of `onnx` both accept a file, they find the same in it.

And so does `onnx` in the model that onnxruntime is given. A run of ten minutes:

    LATENTFX_FUZZ_SECONDS=600 pytest tests/hostile/test_same_reading.py
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from latentfx.errors import PluginFileError
from latentfx.host.model.fields import AttributeType
from latentfx.host.model.model import NodeAttribute, ParsedGraph, ParsedModel, Tensor, read_model
from latentfx.host.model.rewrite import write_model

SECONDS = float(os.environ.get("LATENTFX_FUZZ_SECONDS", "0"))
EXAMPLES = 400
_EMPTY = {AttributeType.TENSOR, AttributeType.GRAPH}


def tensor_of(tensor: onnx.TensorProto) -> tuple[Any, ...]:
    assert not tensor.external_data
    assert not tensor.data_location
    return tensor.name, tensor.data_type, tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()


def attribute_of(attribute: onnx.AttributeProto) -> Any:
    if attribute.type == AttributeType.TENSOR:
        return attribute.type, tensor_of(attribute.t)
    if attribute.type == AttributeType.GRAPH:
        return attribute.type, graph_of(attribute.g)
    return attribute.type, repr(plain(helper.get_attribute_value(attribute)))


def plain(value: Any) -> Any:
    return tuple(value) if not isinstance(value, bytes | int | float) else value


def graph_of(graph: onnx.GraphProto) -> tuple[Any, ...]:
    """What `onnx` finds in a graph."""
    assert not graph.sparse_initializer
    nodes = [
        (n.op_type, n.domain in ("", "ai.onnx"), tuple(n.input), tuple(n.output), n.overload,
         [(a.name, attribute_of(a)) for a in n.attribute])
        for n in graph.node
    ]  # fmt: skip
    ports = [[(p.name, p.type.tensor_type.elem_type) for p in some] for some in (graph.input, graph.output)]
    return nodes, [tensor_of(tensor) for tensor in graph.initializer], ports


def ours_of(graph: ParsedGraph) -> tuple[Any, ...]:
    """What our reader finds in a graph, in the same form."""
    nodes = [
        (n.operator, True, n.inputs, n.outputs, "",
         [(name, our_attribute(a)) for name, a in n.attributes.items()])
        for n in graph.nodes
    ]  # fmt: skip
    ports = [[(p.name, p.element) for p in some] for some in (graph.inputs, graph.outputs)]
    return nodes, [our_tensor(tensor) for tensor in graph.tensors], ports


def our_tensor(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.name, tensor.element, tensor.shape, bytes(tensor.data)


def our_attribute(attribute: NodeAttribute) -> Any:
    if attribute.type == AttributeType.TENSOR:
        return attribute.type, our_tensor(attribute.value)
    if attribute.type == AttributeType.GRAPH:
        return attribute.type, ours_of(attribute.value)
    return attribute.type, repr(attribute.value)


def theirs(data: bytes) -> onnx.ModelProto | None:
    try:
        return onnx.load_from_string(data)
    except Exception:  # protobuf's own kind, of a package that `onnx` brings
        return None


def compare(data: bytes) -> bool:
    """Compare the readers on a file; whether both accept it."""
    try:
        ours: ParsedModel = read_model(data)
    except PluginFileError:
        return False
    model = theirs(data)
    assert model is not None, "our reader accepts what the parser of onnx refuses"
    assert not model.functions
    assert not model.training_info
    versions = [(entry.domain or "ai.onnx", entry.version) for entry in model.opset_import]
    assert versions == [("ai.onnx", ours.operator_set)]
    assert [(entry.key, entry.value) for entry in model.metadata_props] == list(ours.metadata)
    assert graph_of(model.graph) == ours_of(ours.graph)
    anew = onnx.load_from_string(write_model(ours))
    assert graph_of(anew.graph) == ours_of(ours.graph)
    return True


def mutated(draw: Callable[..., Any], content: bytes) -> bytes:
    """A file with some bytes set, cut, doubled, moved or put in, or a bit turned."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        end = min(len(data), start + draw(st.integers(1, 16)))
        kind = draw(st.sampled_from(("bit", "set", "cut", "double", "move", "insert")))
        if kind == "bit" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
        elif kind == "cut":
            del data[start:end]
        elif kind == "double":
            data[start:end] = bytes(data[start:end]) * 2
        elif kind == "move":
            at = draw(st.integers(0, len(data)))
            data[at:at] = data[start:end]
        else:
            data[start:start] = draw(st.binary(max_size=8))
    return bytes(data)


@pytest.fixture(scope="module")
def contents(plugin_file: Callable[[str], Path]) -> list[bytes]:
    """Plugin files, and one with every form of numbers."""
    files = [plugin_file(kind).read_bytes() for kind in ("delay", "blend", "stereo")]
    model = onnx.load_from_string(files[0])
    kinds = (
        np.float32,
        np.float64,
        np.int8,
        np.uint8,
        np.int16,
        np.int32,
        np.int64,
        np.uint32,
        np.uint64,
        np.bool_,
    )
    for at, kind in enumerate(kinds):
        values = np.array([[1, 0, 1]], kind)
        number = helper.np_dtype_to_tensor_dtype(values.dtype)
        model.graph.initializer.append(
            helper.make_tensor(f"spelt_{at}", number, (1, 3), values.ravel().tolist())
        )
        model.graph.initializer.append(numpy_helper.from_array(values, f"raw_{at}"))
    attributes = {
        "axis": 1,
        "alpha": 0.5,
        "mode": "edge",
        "pads": [1, -2],
        "scales": [0.5, 2.0],
        "names": ["a", "b"],
    }
    model.graph.node.append(helper.make_node("Identity", ["audio"], ["unused"], **attributes))
    return [*files, model.SerializeToString()]


def test_both_readers_find_the_same_in_whole_files(contents: list[bytes]) -> None:
    assert all(compare(content) for content in contents)


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(data=st.data())
def test_both_readers_find_the_same_in_mutated_files(contents: list[bytes], data: st.DataObject) -> None:
    compare(mutated(data.draw, data.draw(st.sampled_from(contents))))


def test_both_readers_find_the_same_for_as_long_as_asked(
    contents: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """By plain random numbers, which are quicker; without LATENTFX_FUZZ_SECONDS, 2000 files."""
    rng = np.random.default_rng(None if SECONDS else 0)
    end, tried, accepted = time.monotonic() + SECONDS, 0, 0
    while tried < 2000 or time.monotonic() < end:
        data = bytearray(contents[rng.integers(len(contents))])
        for _ in range(rng.integers(1, 4)):
            at, size = int(rng.integers(len(data))), int(rng.integers(1, 12))
            match rng.integers(6):
                case 0:
                    data[at] ^= 1 << int(rng.integers(8))
                case 1:
                    data[at : at + size] = rng.bytes(size)
                case 2:
                    del data[at : at + size]
                case 3:
                    data[at : at + size] = bytes(data[at : at + size]) * 2
                case 4:
                    data[at:at] = data[int(rng.integers(len(data))) :][:size]
                case _:
                    data[at:at] = rng.bytes(size)
            if not data:
                break
        accepted += compare(bytes(data))
        tried += 1
    assert 0 < accepted < tried
    if SECONDS:
        with capsys.disabled():
            sys.stdout.write(f"\n{tried} files, {accepted} accepted by both, in {SECONDS:g} s\n")
