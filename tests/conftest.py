"""The project's root, and tiny plugin files written by hand.

What the runtime makes of them is known in closed form.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from latentfx.control import Control
from latentfx.host.plugin_file import METADATA_KEY, Metadata, dump_metadata
from latentfx.spec import Blend, PluginSpec, Reference

RATE, BLOCK, LATENCY = 48_000, 64, 100
GAIN = Control("gain", 0.0, 4.0, 1.0, description="how loud")
PluginFile = Callable[..., Path]
Constants = Mapping[str, ArrayLike]
State = Mapping[str, NDArray[np.float32]]
Parts = tuple[PluginSpec, State, Constants, list[onnx.NodeProto]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Verdicts on files that are new here lie in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTFX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def plugin_file(tmp_path_factory: pytest.TempPathFactory) -> PluginFile:
    """Write a tiny plugin, one of `KINDS`; `change` edits it first."""
    models = {kind: _build(kind) for kind in KINDS}

    def write(kind: str, change: Callable[[onnx.ModelProto], None] | None = None) -> Path:
        model = copy.deepcopy(models[kind])
        if change is not None:
            change(model)
        path = tmp_path_factory.mktemp("plugin") / f"{kind}.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return write


def _gain() -> Parts:
    """Audio times gain, nothing else."""
    spec = PluginSpec("gain", RATE, BLOCK, 0, controls=(GAIN,), description="turns the volume")
    return spec, {}, {}, [_column("gain", 0), _node("Mul", "audio gain", "audio_out")]


def _delay() -> Parts:
    """Audio times gain, later by a latency that is no multiple of the block."""
    spec = PluginSpec("delay", RATE, BLOCK, LATENCY, controls=(GAIN,), description="comes late")
    nodes = [
        _column("gain", 0),
        _node("Mul", "audio gain", "loud"),
        *_later("loud"),
    ]
    return spec, {"line": np.zeros((1, LATENCY), np.float32)}, LATER, nodes


def _stereo() -> Parts:
    """Two channels, exchanged."""
    spec = PluginSpec("stereo", RATE, BLOCK, 0, in_channels=2, out_channels=2)
    nodes = [_node("Split", "audio sizes", "left right", axis=1)]
    return spec, {}, {"sizes": (1, 1)}, [*nodes, _node("Concat", "right left", "audio_out", axis=1)]


def _side() -> Parts:
    """Main input minus gain times side-chain, 100 samples later."""
    spec = PluginSpec("side", RATE, BLOCK, LATENCY, in_channels=2, controls=(GAIN,))
    nodes = [
        _node("Split", "audio sizes", "main side", axis=1),
        _column("gain", 0),
        _node("Mul", "side gain", "taken"),
        _node("Sub", "main taken", "left"),
        *_later("left"),
    ]
    return spec, {"line": np.zeros((1, LATENCY), np.float32)}, {"sizes": (1, 1), **LATER}, nodes


def _blend() -> Parts:
    """The tanh of twice the input for `half`, 4 times for `full`, its peak times for a reference."""
    names = ("tone_half", "tone_full", "tone_reference")
    controls = tuple(Control(name, 0.0, 1.0, float(name == "tone_half")) for name in names)
    reference = Reference("tone_reference", source="heard", target="learnt")
    blend = Blend("tone", {"half": names[0], "full": names[1]}, "half", reference, "which tone")
    spec = PluginSpec("blend", RATE, BLOCK, 0, controls=controls, blends=(blend,))
    nodes = [
        *(_column(name, index) for index, name in enumerate(names)),
        _node("Mul", "tone_half two", "a"),
        _node("Mul", "tone_full four", "b"),
        _node("Mul", "tone_reference state_learnt", "c"),
        _node("Sum", "a b c", "factor"),
        _node("Mul", "audio factor", "loud"),
        _node("Tanh", "loud", "audio_out"),
        _node("Abs", "audio", "size"),
        _node("ReduceMax", "size last", "loudest"),
        _node("Max", "loudest state_heard", "state_heard_out"),
        _node("Identity", "state_learnt", "state_learnt_out"),
    ]
    row = np.zeros((1, 1), np.float32)
    constants: Constants = {"two": np.float32([2]), "four": np.float32([4]), "last": [2]}
    return spec, {"heard": row, "learnt": row}, constants, nodes


KINDS = {"gain": _gain, "delay": _delay, "stereo": _stereo, "side": _side, "blend": _blend}
LATER: Constants = {"zero": [0], "kept": [-LATENCY], "end": [1 << 30], "last": [2]}


def _build(kind: str) -> onnx.ModelProto:
    spec, state, constants, nodes = KINDS[kind]()
    inputs = [_port("audio", spec.in_channels, "samples"), _port("controls", len(spec.controls))]
    outputs = [_port("audio_out", spec.out_channels, "samples")]
    for name, row in state.items():
        inputs.append(_port(f"state_{name}", *row.shape))
        outputs.append(_port(f"state_{name}_out", *row.shape))
    columns = {f"column_{index}": [index] for index in range(len(spec.controls))}
    arrays = {**constants, **columns}
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    tensors.append(numpy_helper.from_array(np.array([-1, 1, 1]), "column_shape"))
    operators = [part for node in nodes for part in _expand(node)]
    graph = helper.make_graph(operators, kind, inputs, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    provenance = {"method": kind, "licence": "MIT", "date": "2025-01-01", "versions": {}}
    text = dump_metadata(Metadata(spec, state, provenance, {"latency": spec.latency}))
    helper.set_model_props(model, {METADATA_KEY: text})
    return model


def _node(operator: str, inputs: str, outputs: str, **attributes: int) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def _later(name: str) -> list[onnx.NodeProto]:
    """Give it out 100 samples later; the constants are `LATER`."""
    return [
        _node("Concat", f"state_line {name}", "queue", axis=2),
        _node("Slice", "queue zero kept last", "audio_out"),
        _node("Slice", "queue kept end last", "state_line_out"),
    ]


def _column(name: str, index: int) -> onnx.NodeProto:
    """One control of every row, as [B, 1, 1]; `_expand` makes the two operators of it."""
    return helper.make_node("Gather", ["controls", f"column_{index}"], [name], axis=1)


def _expand(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    if node.op_type != "Gather":
        return [node]
    flat = f"{node.output[0]}_flat"
    gather = helper.make_node("Gather", list(node.input), [flat], axis=1)
    return [gather, helper.make_node("Reshape", [flat, "column_shape"], list(node.output))]


def _port(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
