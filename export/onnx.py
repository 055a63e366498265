"""A torch plugin as one ONNX file: a graph over whole blocks, with state as named inputs and outputs."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import torch
from onnx_ir.passes import common as passes
from torch import Tensor, nn

from latentfx.errors import ExportError, PluginFileError
from latentfx.host.graph import check_file
from latentfx.host.model.model import read_model
from latentfx.host.plugin_file import METADATA_KEY
from latentfx.host.session import Runs, open_session
from latentfx.plugin import Plugin, State
from latentfx.testing.drive import evaluating

from .bundle import initial_row, metadata_text, require_provenance, write_file

OPSET = 20
TOLERANCE = 1e-4
MAX_BATCH = 4096
MAX_BLOCKS = 4096
_INSIDE = r"torch\.|copyreg|onnxscript|onnx_ir"
_CONSTANT_BLOCKS = (
    "The number of blocks turned into a constant: a Python loop runs over the frames, a pooling layer fixes "
    "their number, or int() or len() reads audio.shape[2]. Write recurrences in closed form or with "
    "torch's scan, and let shapes follow audio.shape[2] untouched"
)
_CONSTANT_BATCH = (
    "The batch size turned into a constant: a Python `if`, int() or len() reads audio.shape[0], or a tensor "
    "is made for a fixed number of rows. Let shapes follow audio.shape[0] untouched"
)


Report = Mapping[str, Any] | Callable[[onnxruntime.InferenceSession], Mapping[str, Any]]


def export_onnx(
    plugin: Plugin,
    path: str | os.PathLike[str],
    provenance: Mapping[str, Any],
    report: Report | None = None,
) -> Path:
    """Write a plugin as the one file that every host loads.

    The file is written only if onnx's checker accepts it and onnxruntime agrees with eager torch, for one row
    and for several. A file that was at `path` before stays until then.

    Args:
        plugin: any plugin that keeps the contract (`latentfx.testing.verify_contract`).
        path: the file to write; ends in `.onnx`.
        provenance: where the plugin comes from; needs method, licence, date and versions.
        report: what validation found; or a function that validates the graph before the file is written, and
            returns what it found. It is given the graph as onnxruntime opened it.
    Returns:
        The path written.
    Raises:
        ExportError: the plugin cannot be written, or its file sounds different.
    """
    target = Path(path)
    if target.suffix != ".onnx":
        raise ExportError(f"a plugin file ends in .onnx, not {target.suffix!r}; rename {target.name!r}")
    require_provenance(provenance)
    state = initial_row(plugin)
    text = metadata_text(plugin, state, provenance, {} if callable(report) else report or {})
    with evaluating(plugin):
        graph = _proto(_trace(plugin, state))
        session = _check(plugin, state, graph.SerializeToString())
    if callable(report):
        text = metadata_text(plugin, state, provenance, report(session))
    onnx.helper.set_model_props(graph, {METADATA_KEY: text})
    data = graph.SerializeToString()
    _check_opens(plugin, data)
    write_file(target, data)
    return target


class _Step(nn.Module):
    """A plugin whose state is positional: `torch.onnx.export` reads a trailing dict as keyword arguments."""

    def __init__(self, plugin: Plugin, names: list[str]) -> None:
        super().__init__()
        self.plugin = plugin
        self.names = names

    def forward(self, audio: Tensor, controls: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        audio_out, new = self.plugin(audio, controls, dict(zip(self.names, state, strict=True)))
        return (audio_out, *(new[name] for name in self.names))


def _trace(plugin: Plugin, state: State) -> onnx_ir.Model:
    names = list(state)
    batch = {0: torch.export.Dim("batch", min=1, max=MAX_BATCH)}
    blocks = torch.export.Dim("blocks", min=1, max=MAX_BLOCKS)
    audio = {**batch, 2: plugin.spec.block_size * blocks}
    try:
        with _quiet(), torch.inference_mode(False), torch.no_grad():
            exported = torch.export.export(
                _Step(plugin, names).eval(),
                _example(plugin, state, batch=2, blocks=3),
                dynamic_shapes=(audio, batch, *([tuple(batch for _ in names)] if names else [])),
                strict=False,
            )
            program = torch.onnx.export(
                exported,
                dynamo=True,
                opset_version=OPSET,
                input_names=["audio", "controls", *(f"state_{name}" for name in names)],
                output_names=["audio_out", *(f"state_{name}_out" for name in names)],
                optimize=False,
                verbose=False,
            )
            if program is None:
                raise ExportError("torch returned no graph")
            with _as_inputs(program.model.graph, weight_names(plugin).values()):
                program.optimize()
                _simplify(program.model)
    except Exception as error:
        raise ExportError(f"{plugin.spec.name!r} cannot be written as ONNX. {_cure(error)}") from error
    passes.RemoveUnusedNodesPass()(program.model)
    _check_axes(plugin, program.model)
    return program.model


def weight_names(plugin: Plugin) -> dict[str, str]:
    """Name of each of a plugin's weights in `state_dict` -> name of its initializer in a plugin file."""
    return {name: f"plugin.{name}" for name in plugin.state_dict()}  # `plugin` is what _Step calls it


@contextmanager
def _as_inputs(graph: onnx_ir.Graph, names: Iterable[str]) -> Iterator[None]:
    """Make inputs of the initializers of these names for a while.

    An optimiser transposes, merges and drops constants; inputs stay whole and keep their names.
    """
    weights = [graph.initializers.pop(name) for name in names if name in graph.initializers]
    values = [weight.const_value for weight in weights]
    for weight in weights:
        weight.const_value = None
    graph.inputs.extend(weights)
    yield
    del graph.inputs[len(graph.inputs) - len(weights) :]
    for weight, value in zip(weights, values, strict=True):
        weight.const_value = value
        graph.register_initializer(weight)


def _check_axes(plugin: Plugin, model: onnx_ir.Model) -> None:
    """Refuse a graph in which an output has lost a free axis: the batch, or the samples of the audio."""
    ports = (*model.graph.inputs, *model.graph.outputs)
    if any(not port.shape or isinstance(port.shape[0], int) for port in ports):
        raise ExportError(f"{plugin.spec.name!r} cannot be written as ONNX. {_CONSTANT_BATCH}")
    audio = model.graph.outputs[0]
    if not audio.shape or isinstance(audio.shape[2], int):
        raise ExportError(f"{plugin.spec.name!r} cannot be written as ONNX. {_CONSTANT_BLOCKS}")


def _example(plugin: Plugin, state: State, batch: int, blocks: int) -> tuple[Tensor, ...]:
    spec = plugin.spec
    generator = torch.Generator().manual_seed(0)
    audio = 0.1 * torch.randn(batch, spec.in_channels, blocks * spec.block_size, generator=generator)
    rows = (value.repeat(batch, *[1] * (value.dim() - 1)) for value in state.values())
    return (audio, plugin.default_controls(batch), *rows)


def _simplify(model: onnx_ir.Model) -> None:
    """Store every constant once, and drop the notes that the exporter leaves."""
    for transform in (
        passes.DeduplicateInitializersPass(size_limit=1 << 30),
        passes.CommonSubexpressionEliminationPass(),
        passes.ClearMetadataAndDocStringPass(),
    ):
        transform(model)
    model.metadata_props.clear()


def _proto(model: onnx_ir.Model) -> onnx.ModelProto:
    """The graph as it is stored, with names for its free axes."""
    proto = onnx_ir.to_proto(model)
    del proto.graph.value_info[:]
    for port in (*proto.graph.input, *proto.graph.output):
        shape = port.type.tensor_type.shape
        shape.dim[0].dim_param = "batch"
        if port.name in ("audio", "audio_out"):
            shape.dim[2].dim_param = "samples"
    return proto


def _check(plugin: Plugin, state: State, data: bytes) -> onnxruntime.InferenceSession:
    """Open the graph and compare it with eager torch, for one row and several, one block and several."""
    try:
        onnx.checker.check_model(data, full_check=True)
        session = open_session(read_model(data))
    except Exception as error:
        raise ExportError(f"the graph of {plugin.spec.name!r} is not valid: {error}") from error
    names, outputs = ([port.name for port in ports()] for ports in (session.get_inputs, session.get_outputs))
    runs = Runs(session, plugin.spec.name)
    for batch, blocks in ((1, 1), (3, 2), (1, 5)):
        example = _example(plugin, state, batch, blocks)
        with torch.no_grad():
            audio, new = plugin(*example[:2], dict(zip(state, example[2:], strict=True)))
        expected = [audio, *(new[name] for name in state)]
        try:
            found = runs.run(outputs, {n: v.numpy() for n, v in zip(names, example, strict=True)})
        except PluginFileError as error:
            raise ExportError(f"the graph does not run: {error}") from error
        for name, value, want in zip(outputs, found, expected, strict=True):
            _compare(name, value, want.numpy())
    return session


def _check_opens(plugin: Plugin, data: bytes) -> None:
    """Refuse to write what hosts refuse to open."""
    try:
        check_file(data)
    except PluginFileError as error:
        raise ExportError(
            f"hosts would refuse the file of {plugin.spec.name!r}: {error}. Write that part of the plugin "
            "with other operations"
        ) from error


def _compare(name: str, found: np.ndarray[Any, Any], want: np.ndarray[Any, Any]) -> None:
    if found.shape != want.shape or found.dtype != want.dtype:
        raise ExportError(
            f"{name} is {found.dtype}{found.shape} in the file and {want.dtype}{want.shape} in torch; keep "
            "the batch first and every tensor float32"
        )
    difference = float(np.max(np.abs(found - want), initial=0.0))
    if not difference <= TOLERANCE * max(1.0, float(np.max(np.abs(want), initial=0.0))):
        raise ExportError(
            f"{name} differs by {difference:.3g} between the file and torch; allowed {TOLERANCE:g}. Look for "
            "randomness, float64, or an operation near a jump (argmax, sign, floor) in the plugin"
        )


def _cure(error: BaseException) -> str:
    chain: list[str] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(f"{type(link).__name__}: {link}")
        link = link.__cause__ or link.__context__
    story = "\n".join(chain)
    if "DataDependent" in story or "data-dependent" in story:
        return (
            "A Python `if` or `while` reads the value of a tensor, so the graph would depend on the audio. "
            "Use torch.where, clamp or a mask instead"
        )
    if any(word in story for word in ("ConstraintViolation", "specialized", "Constraints violated")):
        return _CONSTANT_BLOCKS if "blocks" in story else _CONSTANT_BATCH
    return f"The reason: {chain[-1].strip().splitlines()[0]}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch's exporter says about its own parts (torchvision, deprecated calls)."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            for category in (FutureWarning, DeprecationWarning, UserWarning):
                warnings.filterwarnings("ignore", category=category, module=_INSIDE)
            yield
    finally:
        logging.disable(level)
