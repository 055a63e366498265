"""A plugin file as a running graph: checked, matched with its metadata, run over whole blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfx.errors import PluginFileError, ShapeError
from latentfx.host.guard import FileFacts, Port, inspect
from latentfx.host.plugin_file import Float32, Metadata, load_metadata

if TYPE_CHECKING:
    import onnxruntime

Axes = tuple[int | None, ...]


def read_metadata(data: bytes) -> Metadata:
    """Check a plugin file and read what it says of itself; onnxruntime is not needed for it.

    Args:
        data: content of a plugin file.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """
    facts = inspect(data)
    metadata = load_metadata(facts.metadata)
    _check_ports(facts, metadata)
    return metadata


class Graph:
    """The graph of a plugin, and what its file says of it.

    Args:
        data: content of a plugin file.
        threads: threads that one block may use; more than one pays for large plugins alone.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """

    def __init__(self, data: bytes, threads: int = 1) -> None:
        self.metadata = read_metadata(data)
        import onnxruntime  # it takes longer to import than all the rest: what only reads a file does without

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


def in_runs(blocks: int, most: int) -> Iterator[int]:
    """Split a number of blocks into runs: powers of 2, the longest first.

    Blocks that run together take less time. Few different lengths take little memory.

    Args:
        blocks: how many there are.
        most: the longest run, a power of 2.
    """
    while blocks:
        most = min(most, 1 << (blocks.bit_length() - 1))
        yield most
        blocks -= most


class BlockStream:
    """Whole blocks through a plugin, state kept: the call that live hosts make.

    Everything that `step` needs is allocated once for each length. The plugin's controls are read at every
    step.

    Args:
        graph: the plugin.
        batch: rows run side by side, each with a state of its own.
        initial: state of a row at the start.
        controls: values of the controls, shared with whoever turns them.
    """

    def __init__(self, graph: Graph, batch: int, initial: Mapping[str, Float32], controls: Float32) -> None:
        self.batch = batch
        self._spec = graph.metadata.spec
        self._session = graph.session
        self._initial = initial
        self._knobs = controls
        self._controls = np.zeros((batch, len(self._spec.controls)), np.float32)
        self._states = tuple(
            {name: np.zeros((batch, *row.shape), np.float32) for name, row in initial.items()}
            for _ in range(2)
        )
        self._passes: dict[int, _Pass] = {}
        self._now = 0
        self.reset()

    def step(self, audio: Float32) -> Float32:
        """Run one block, or several at once: the same sound, and faster.

        Returns:
            The output, in memory that the next step of this length writes again: copy it to keep it.
        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block

        Raises:
            ShapeError: audio of another shape.
        """
        samples = audio.shape[-1]
        run = self._passes.get(samples) or self._prepare(audio.shape)
        if audio.shape != run.audio.shape:
            raise ShapeError(f"a block has the shape {audio.shape}; allowed {run.audio.shape}")
        np.copyto(run.audio, audio)
        np.copyto(self._controls, self._knobs)
        self._session.run_with_iobinding(run.bindings[self._now])
        self._now = 1 - self._now
        return run.out

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

    def _prepare(self, shape: tuple[int, ...]) -> _Pass:
        """Allocate what steps of this length need."""
        spec, samples = self._spec, shape[-1]
        allowed = (self.batch, spec.in_channels, samples)
        if shape != allowed or samples < 1 or samples % spec.block_size:
            raise ShapeError(
                f"audio has the shape {shape}; allowed [{self.batch}, {spec.in_channels}, T] "
                f"with T a multiple of {spec.block_size}"
            )
        audio = np.zeros(allowed, np.float32)
        out = np.zeros((self.batch, spec.out_channels, samples), np.float32)
        bindings = tuple(self._bind(audio, out, *pair) for pair in (self._states, self._states[::-1]))
        self._passes[samples] = _Pass(audio, out, bindings)
        return self._passes[samples]

    def _bind(
        self, audio: Float32, out: Float32, before: Mapping[str, Float32], after: Mapping[str, Float32]
    ) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        inputs = {"audio": audio, "controls": self._controls}
        inputs |= {f"state_{name}": value for name, value in before.items()}
        outputs = {"audio_out": out} | {f"state_{name}_out": value for name, value in after.items()}
        for name, value in inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        for name, value in outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, value.shape, value.ctypes.data)
        return binding


@dataclass(frozen=True)
class _Pass:
    """Memory and bindings for steps of one length; the two bindings exchange old and new state."""

    audio: Float32
    out: Float32
    bindings: tuple[onnxruntime.IOBinding, ...]


def _check_ports(facts: FileFacts, metadata: Metadata) -> None:
    """Compare the graph's inputs and outputs with what the metadata says."""
    spec = metadata.spec
    states: dict[str, Axes] = {name: value.shape for name, value in metadata.state.items()}
    inputs: dict[str, Axes] = {"audio": (spec.in_channels, None), "controls": (len(spec.controls),)}
    inputs |= {f"state_{name}": shape for name, shape in states.items()}
    outputs: dict[str, Axes] = {"audio_out": (spec.out_channels, None)}
    outputs |= {f"state_{name}_out": shape for name, shape in states.items()}
    _compare("input", facts.inputs, inputs)
    _compare("output", facts.outputs, outputs)


def _compare(kind: str, found: Mapping[str, Port], wanted: Mapping[str, Axes]) -> None:
    if set(found) != set(wanted):
        odd = ", ".join(sorted(set(found) ^ set(wanted)))
        raise PluginFileError(f"graph and metadata disagree on the {kind}s {odd}. Export the plugin again")
    for name, shape in wanted.items():
        port = found[name]
        if not port.is_float or port.shape != (None, *shape):
            axes, expected = _axes(port.shape), _axes((None, *shape))
            raise PluginFileError(
                f"{kind} {name!r} of the graph is {'float32' if port.is_float else 'not float32'} [{axes}]; "
                f"the metadata says float32 [{expected}]. Export the plugin again"
            )


def _axes(shape: Axes) -> str:
    """The axes as text. An axis of free size is shown by what it counts."""
    free = ("batch", "any", "samples")
    return ", ".join(free[min(at, 2)] if size is None else str(size) for at, size in enumerate(shape))
