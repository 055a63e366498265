"""A plugin file as a running graph: checked, matched with its metadata, run one block at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime

from latentfx.errors import PluginFileError, ShapeError
from latentfx.guard import FileFacts, Port, inspect
from latentfx.plugin_file import Float32, Metadata, load_metadata


class Graph:
    """The graph of one block, and what its file says of it.

    Args:
        data: content of a plugin file.
        threads: threads that one block may use; more than one pays for large plugins alone.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """

    def __init__(self, data: bytes, threads: int = 1) -> None:
        facts = inspect(data)
        self.metadata: Metadata = load_metadata(facts.metadata)
        _check_ports(facts, self.metadata)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised, not printed
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        spec = self.metadata.spec
        try:
            self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            trial = BlockStream(self, 1, self.metadata.state, np.array(spec.defaults, np.float32))
            trial.step(np.zeros((1, spec.in_channels, spec.block_size), np.float32))
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise PluginFileError(f"onnxruntime cannot run the graph of {spec.name!r}: {reason}") from error


class BlockStream:
    """Whole blocks through a plugin, state kept: the call that live hosts make.

    Everything that `step` needs is allocated once. The plugin's controls are read at every step.

    Args:
        graph: the plugin.
        batch: rows run side by side, each with a state of its own.
        initial: state of a row at the start.
        controls: values of the controls, shared with whoever turns them.
    """

    def __init__(self, graph: Graph, batch: int, initial: Mapping[str, Float32], controls: Float32) -> None:
        spec = graph.metadata.spec
        self.batch = batch
        self._run = graph.session.run_with_iobinding
        self._initial = initial
        self._knobs = controls
        self._audio = np.zeros((batch, spec.in_channels, spec.block_size), np.float32)
        self._controls = np.zeros((batch, len(spec.controls)), np.float32)
        self._out = np.zeros((batch, spec.out_channels, spec.block_size), np.float32)
        self._states = tuple(
            {name: np.zeros((batch, *row.shape), np.float32) for name, row in initial.items()}
            for _ in range(2)
        )
        self._bindings = tuple(
            self._bind(graph.session, *pair) for pair in (self._states, self._states[::-1])
        )
        self._now = 0
        self.reset()

    def step(self, audio: Float32) -> Float32:
        """Run one block.

        Returns:
            The output, in memory that the next step writes again: copy it to keep it.
        Shape:
            audio [B, C_in, block] -> [B, C_out, block]

        Raises:
            ShapeError: audio of another shape.
        """
        if audio.shape != self._audio.shape:
            raise ShapeError(f"a block has the shape {audio.shape}; allowed {self._audio.shape}")
        np.copyto(self._audio, audio)
        np.copyto(self._controls, self._knobs)
        self._run(self._bindings[self._now])
        self._now = 1 - self._now
        return self._out

    def reset(self) -> None:
        """Go back to the start of the stream."""
        for name, row in self._initial.items():
            self._states[self._now][name][:] = row

    def state(self, name: str) -> Float32:
        """The state of every row as the next step will read it.

        Shape:
            -> [B, ...]
        """
        return self._states[self._now][name]

    def _bind(
        self,
        session: onnxruntime.InferenceSession,
        before: Mapping[str, Float32],
        after: Mapping[str, Float32],
    ) -> onnxruntime.IOBinding:
        binding = session.io_binding()
        inputs = {"audio": self._audio, "controls": self._controls}
        inputs |= {f"state_{name}": value for name, value in before.items()}
        outputs = {"audio_out": self._out} | {f"state_{name}_out": value for name, value in after.items()}
        for name, value in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        for name, value in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        return binding


def _check_ports(facts: FileFacts, metadata: Metadata) -> None:
    """Compare the graph's inputs and outputs with what the metadata says."""
    spec = metadata.spec
    states = {name: value.shape for name, value in metadata.state.items()}
    inputs = {"audio": (spec.in_channels, spec.block_size), "controls": (len(spec.controls),)}
    inputs |= {f"state_{name}": shape for name, shape in states.items()}
    outputs = {"audio_out": (spec.out_channels, spec.block_size)}
    outputs |= {f"state_{name}_out": shape for name, shape in states.items()}
    _compare("input", facts.inputs, inputs)
    _compare("output", facts.outputs, outputs)


def _compare(kind: str, found: Mapping[str, Port], wanted: Mapping[str, tuple[int, ...]]) -> None:
    if set(found) != set(wanted):
        odd = ", ".join(sorted(set(found) ^ set(wanted)))
        raise PluginFileError(f"graph and metadata disagree on the {kind}s {odd}. Export the plugin again")
    for name, shape in wanted.items():
        port = found[name]
        if not port.is_float or port.shape != (None, *shape):
            axes = ", ".join("batch" if axis is None else str(axis) for axis in port.shape)
            expected = ", ".join(("batch", *map(str, shape)))
            raise PluginFileError(
                f"{kind} {name!r} of the graph is {'float32' if port.is_float else 'not float32'} [{axes}]; "
                f"the metadata says float32 [{expected}]. Export the plugin again"
            )
