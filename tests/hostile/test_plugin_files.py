"""Plugin files from strangers: whatever is in them, the answer is a plugin or a clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from latentfx.errors import PluginFileError
from latentfx.host import guard
from latentfx.library import describe, load

Change = Callable[[onnx.ModelProto], None]
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def content(plugin_file: Write) -> bytes:
    return plugin_file("delay").read_bytes()


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    tensor.ClearField("raw_data")


def external_without_a_mark(model: onnx.ModelProto) -> None:
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "weights.bin"


def external_in_an_attribute(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "hidden")
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))


def two_gigabytes(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[1 << 29])
    model.graph.initializer.append(tensor)


def overflowing(model: onnx.ModelProto) -> None:
    tensor = TensorProto(name="big", data_type=TensorProto.FLOAT, dims=[1 << 62, 4], raw_data=b"")
    model.graph.initializer.append(tensor)


def short_of_data(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(
        TensorProto(name="short", data_type=TensorProto.FLOAT, dims=[100], raw_data=bytes(8))
    )


def text_tensor(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"word"]))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Read", ["audio"], ["unused"], domain="com.evil"))
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["unused"], body=body))


def scan_over(*nodes: onnx.NodeProto) -> Change:
    """A Scan with these operators in its body."""

    def apply(model: onnx.ModelProto) -> None:
        body = helper.make_graph(nodes, "body", [], [])
        model.graph.node.append(helper.make_node("Scan", [""], ["unused"], body=body, num_scan_inputs=1))

    return apply


def scan_of_another_file(model: onnx.ModelProto) -> None:
    external_in_an_attribute(model)
    scan_over(model.graph.node.pop())(model)


def scan_of_a_bomb(model: onnx.ModelProto) -> None:
    filled_bomb(model)
    scan_over(model.graph.node.pop())(model)


def scan_of_scans(model: onnx.ModelProto) -> None:
    scan_over()(model)
    scan_over(model.graph.node.pop())(model)


def function(model: onnx.ModelProto) -> None:
    model.functions.add().name = "f"


def training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def filled_bomb(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 20, 1 << 12]), "bomb"))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["bomb"], ["unused"]))


def expanded_bomb(model: onnx.ModelProto) -> None:
    value = numpy_helper.from_array(np.array([1, 1 << 20, 1 << 12]))
    model.graph.node.append(helper.make_node("Constant", [], ["bomb"], value=value))
    model.graph.node.append(helper.make_node("Expand", ["audio", "bomb"], ["unused"]))


def listed_bomb(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["bomb"], value_ints=[1, 1, 1 << 40]))
    model.graph.node.append(helper.make_node("Tile", ["audio", "bomb"], ["unused"]))


def random_bomb(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormal", [], ["unused"], shape=[1 << 20, 1 << 20]))


def two_graphs(model: onnx.ModelProto) -> None:
    model.metadata_props.add().CopyFrom(model.metadata_props[0])


def no_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def rewrite(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of the JSON in the metadata."""

    def apply(model: onnx.ModelProto) -> None:
        raw = json.loads(model.metadata_props[0].value)
        change(raw)
        model.metadata_props[0].value = json.dumps(raw)

    return apply


def state_of(*shape: int) -> Change:
    return rewrite(lambda raw: raw["state"].update(line={"shape": shape, "fill": 0}))


def text(value: str) -> Change:
    def apply(model: onnx.ModelProto) -> None:
        model.metadata_props[0].value = value

    return apply


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input.add().CopyFrom(helper.make_tensor_value_info("extra", TensorProto.FLOAT, ["batch", 1]))


def lose_state(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def integer_audio(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def fixed_block(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 128


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "NoSuchThing"


HOSTILE: list[tuple[Change, str]] = [
    (external, "its data in another file"),
    (external_without_a_mark, "its data in another file"),
    (external_in_an_attribute, "its data in another file"),
    (two_gigabytes, r"asks for \[536870912\] values"),
    (overflowing, "values; allowed"),
    (short_of_data, "has 2 values for the shape"),
    (text_tensor, "holds no tensors of text"),
    (sparse, "no sparse tensors"),
    (foreign_operator, "com.evil"),
    (loop, "Loop is not allowed in a plugin file: it holds a graph of its own"),
    (scan_of_scans, "Scan is not allowed in a plugin file: it holds a graph of its own"),
    (scan_of_another_file, "its data in another file"),
    (scan_of_a_bomb, "operator Scan breaks a rule"),
    (scan_over(helper.make_node("Read", [], ["x"], domain="com.evil")), "com.evil.Read is none of"),
    (function, "no functions"),
    (training, "no training information"),
    (filled_bomb, r"ConstantOfShape breaks a rule of plugin files: it asks for \[1048576, 4096\] values"),
    (expanded_bomb, "Expand breaks a rule"),
    (listed_bomb, "Tile breaks a rule"),
    (random_bomb, "RandomNormal is not allowed in a plugin file: it is not among them"),
    (two_graphs, "without latentfx metadata"),
    (no_metadata, "without latentfx metadata is not a plugin. Export it again"),
    (text("{"), "not JSON"),
    (text("[1]"), "schema 'list'"),
    (text('{"schema": NaN}'), "not JSON"),
    (text("[" * 100_000), "not JSON"),
    (rewrite(lambda raw: raw.update(schema=99)), "schema 99; this latentfx reads 1"),
    (rewrite(lambda raw: raw.pop("spec")), "metadata is wrong: KeyError 'spec'"),
    (rewrite(lambda raw: raw["spec"].update(latency=-1)), "latency is -1"),
    (rewrite(lambda raw: raw["spec"].update(block_size=1 << 30)), "block_size is"),
    (rewrite(lambda raw: raw["spec"].update(surprise=1)), "metadata is wrong"),
    (state_of(1 << 40), "too large"),
    (state_of(1, 50), r"says float32 \[batch, 1, 50\]"),
    (rewrite(lambda raw: raw["spec"].update(controls=[])), r"'controls' of the graph is float32 \[batch, 1"),
    (rename_input, "disagree on the inputs extra"),
    (lose_state, "disagree on the outputs state_line_out"),
    (integer_audio, "not float32"),
    (fixed_batch, r"\[1, 1, samples\]; the metadata says float32 \[batch, 1, samples\]"),
    (fixed_block, r"\[batch, 1, 128\]; the metadata says float32 \[batch, 1, samples\]"),
    (unknown_operator, "NoSuchThing is not allowed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), HOSTILE, ids=lambda value: getattr(value, "__name__", None))
def test_a_hostile_file_is_refused_with_the_reason(plugin_file: Write, change: Change, message: str) -> None:
    with pytest.raises(PluginFileError, match=message):
        load(plugin_file("delay", change))


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"hello, this is a text", b"RIFF\x24\0\0\0WAVEfmt ", b"\xff" * 64]
)
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plugin.onnx"
    path.write_bytes(content)
    with pytest.raises(PluginFileError):
        load(path)


@pytest.mark.parametrize("open_it", [load, describe, lambda path: load(path, checked=True)])
def test_file_of_another_kind_is_called_by_its_path(tmp_path: Path, open_it: Callable[[Path], Any]) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    with pytest.raises(PluginFileError) as caught:
        open_it(path)
    assert str(caught.value) == f"{path} is not an .onnx file of a plugin (ModelProto has no field 10)"


def test_file_that_breaks_a_rule_is_called_by_its_path(plugin_file: Write) -> None:
    path = plugin_file("delay", expanded_bomb)
    with pytest.raises(PluginFileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: operator Expand breaks a rule")


def test_a_folder_and_a_huge_file_are_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(PluginFileError, match="is not a file"):
        load(tmp_path)
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as file:
        file.truncate(guard.MAX_FILE_BYTES + 1)
    with pytest.raises(PluginFileError, match="256 MB; allowed 256 MB"):
        load(huge)


def test_every_cut_of_a_file_is_refused(content: bytes) -> None:
    for length in range(len(content)):
        with pytest.raises(PluginFileError):
            guard.inspect(content[:length])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_a_plugin_or_a_clear_error(content: bytes, data: st.DataObject) -> None:
    """Whatever bytes change, the guard ends with facts or with its own error, and never with another."""
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PluginFileError):
        assert guard.inspect(bytes(damaged)).metadata


def test_the_guard_finds_what_onnx_finds(content: bytes) -> None:
    model = onnx.load_from_string(content)
    facts = guard.inspect(content)
    assert facts.metadata == model.metadata_props[0].value
    for ports, found in ((model.graph.input, facts.inputs), (model.graph.output, facts.outputs)):
        shapes = {
            port.name: tuple(dim.dim_value or None for dim in port.type.tensor_type.shape.dim)
            for port in ports
        }
        assert {name: port.shape for name, port in found.items()} == shapes
        assert all(port.element == TensorProto.FLOAT for port in found.values())
