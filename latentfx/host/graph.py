"""A plugin file as a running graph: checked, matched with its metadata, run over whole blocks.

What comes out of a plugin is checked at every step (`BlockStream.step`): a block with numbers that are no
sound is silence, and a state that is not finite starts anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import PluginFileError, ShapeError
from latentfx.host.guard import FileFacts, inspect
from latentfx.host.model.fields import DataType
from latentfx.host.model.model import Port
from latentfx.host.model.rewrite import write_model
from latentfx.host.plugin_file import Metadata, load_metadata
from latentfx.host.runs import most_blocks
from latentfx.host.sizes.plan import Plan
from latentfx.host.watch import WATCH

if TYPE_CHECKING:
    import onnxruntime

Axes = tuple[int | None, ...]

LOUDEST: Final = 1e4  # of what comes out of a plugin: 80 dB above full scale
STEP_LIMIT_S: Final = 60.0


def read_metadata(data: bytes) -> Metadata:
    """Read strictly what a plugin file says of itself. Its operators are not looked at, and nothing runs.

    Args:
        data: content of a plugin file.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """
    return _matched(inspect(data))


def check_file(data: bytes) -> None:
    """Check a plugin file, its operators and their sizes, without running it. onnxruntime is not needed.

    Args:
        data: content of a plugin file.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """
    facts = inspect(data)
    spec = _matched(facts).spec
    plan = Plan(facts.model)
    for blocks in (1, most_blocks(spec.block_size, spec.in_channels)):
        plan.measure(1, blocks * spec.block_size)


class Graph:
    """The graph of a plugin, and what its file says of it.

    Args:
        data: content of a plugin file.
        threads: threads that one block may use; more than one pays for large plugins alone.
        trust: whether operators may be any of ONNX's, and sizes any, because the user knows the author.

    Raises:
        PluginFileError: the file is damaged or hostile, or its graph is not what its metadata says.
    """

    def __init__(self, data: bytes, threads: int = 1, trust: bool = False) -> None:
        facts = inspect(data)
        self.metadata = _matched(facts)
        self._plan = None if trust else Plan(facts.model)
        self._measured: set[tuple[int, int]] = set()
        spec = self.metadata.spec
        for blocks in (1, most_blocks(spec.block_size, spec.in_channels)):
            self.check_size(1, blocks * spec.block_size)
        import onnxruntime  # it takes longer to import than all the rest: what only reads a file does without

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # its errors are raised, not printed
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self.session = onnxruntime.InferenceSession(
                write_model(facts.model), options, providers=["CPUExecutionProvider"]
            )
            trial = BlockStream(self, 1, self.metadata.state, np.array(spec.defaults, np.float32))
            trial.step(np.zeros((1, spec.in_channels, spec.block_size), np.float32))
        except PluginFileError:
            raise
        except Exception as error:
            raise PluginFileError(
                f"onnxruntime cannot run the graph of {spec.name!r}: {first_line(error)}"
            ) from error

    def open(
        self, batch: int, initial: Mapping[str, Float32], controls: Float32, limit_s: float = STEP_LIMIT_S
    ) -> BlockStream:
        """Open a stream of whole blocks; see `BlockStream`."""
        return BlockStream(self, batch, initial, controls, limit_s)

    def check_size(self, batch: int, samples: int) -> None:
        """Check the sizes of all tensors for a step of so many rows and samples.

        Raises:
            PluginFileError: more memory or work than allowed, or an output of another shape than promised.
        """
        if self._plan is not None and (batch, samples) not in self._measured:
            self._plan.measure(batch, samples)
            self._measured.add((batch, samples))


def first_line(error: BaseException) -> str:
    """What an error of another library says, in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


class BlockStream:
    """Whole blocks through a plugin, state kept: the call that live hosts make.

    Everything that `step` needs is allocated once for each length. The plugin's controls are read at every
    step.

    Args:
        graph: the plugin.
        batch: rows run side by side, each with a state of its own.
        initial: state of a row at the start.
        controls: values of the controls, shared with whoever turns them.
        limit_s: a step that takes longer is ended.
    """

    def __init__(
        self,
        graph: Graph,
        batch: int,
        initial: Mapping[str, Float32],
        controls: Float32,
        limit_s: float = STEP_LIMIT_S,
    ) -> None:
        import onnxruntime

        self.batch = batch
        self.silenced = 0
        self._graph = graph
        self._limit_s = limit_s
        self._options = onnxruntime.RunOptions()
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

        A block of a row that holds NaN, infinity or values beyond `LOUDEST` becomes silence, and is counted
        in `silenced`. A state that is not finite goes back to the start of the stream.

        Returns:
            The output, in memory that the next step of this length writes again: copy it to keep it.
        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block

        Raises:
            ShapeError: audio of another shape.
            PluginFileError: the graph failed, or took longer than it may.
        """
        samples = audio.shape[-1]
        run = self._passes.get(samples) or self._prepare(audio.shape)
        if audio.shape != run.audio.shape:
            raise ShapeError(f"a block has the shape {audio.shape}; allowed {run.audio.shape}")
        np.copyto(run.audio, audio)
        np.copyto(self._controls, self._knobs)
        self._run(run)
        after = self._states[1 - self._now]
        with np.errstate(all="ignore"):
            fine = _power(run.out) <= LOUDEST**2 and all(_power(part) < math.inf for part in after.values())
        if fine:
            self._now = 1 - self._now
        else:
            self._mend(run)
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

    def _run(self, run: _Pass) -> None:
        WATCH.begin(self._options, self._limit_s)
        try:
            self._session.run_with_iobinding(run.bindings[self._now], self._options)
        except Exception as error:
            ended = self._options.terminate
            reason = f"it was ended after {self._limit_s:g} s" if ended else first_line(error)
            raise PluginFileError(
                f"a step of plugin {self._spec.name!r} failed ({run.audio.shape[-1]} samples): {reason}"
            ) from error
        finally:
            WATCH.end(self._options)
            self._options.terminate = False

    def _mend(self, run: _Pass) -> None:
        """Go over a step that gave bad numbers: block by block, so that one bad block silences no other."""
        size, samples = self._spec.block_size, run.audio.shape[-1]
        after = self._states[1 - self._now]
        fine = is_sound(run.out) and all(map(_is_finite, after.values()))
        if samples > size and not fine:
            audio = run.audio.copy()
            parts = [self.step(audio[:, :, at : at + size]).copy() for at in range(0, samples, size)]
            np.concatenate(parts, axis=2, out=run.out)
            return
        for row in range(0 if fine else self.batch):
            good = is_sound(run.out[row])
            if not good:
                run.out[row] = 0
                self.silenced += 1
            if not all(_is_finite(value[row]) for value in after.values()):
                for name, start in self._initial.items():
                    after[name][row] = start
        self._now = 1 - self._now

    def _prepare(self, shape: tuple[int, ...]) -> _Pass:
        """Allocate what steps of this length need."""
        spec, samples = self._spec, shape[-1]
        allowed = (self.batch, spec.in_channels, samples)
        if shape != allowed or samples < 1 or samples % spec.block_size:
            raise ShapeError(
                f"audio has the shape {shape}; allowed [{self.batch}, {spec.in_channels}, T] "
                f"with T a multiple of {spec.block_size}"
            )
        self._graph.check_size(self.batch, samples)
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


def is_sound(out: Float32) -> bool:
    """Whether all values may be sound: finite, and not beyond `LOUDEST`."""
    return out.size == 0 or (float(out.max()) <= LOUDEST and float(out.min()) >= -LOUDEST)


def _power(values: Float32) -> float:
    """The sum of squares, which is not finite where a value is not: the quickest look at all of them."""
    flat = values.ravel()
    return float(flat.dot(flat))


def _is_finite(state: Float32) -> bool:
    return bool(np.isfinite(state).all())


def _matched(facts: FileFacts) -> Metadata:
    """The metadata, after a comparison with the graph's inputs and outputs."""
    metadata = load_metadata(facts.metadata)
    spec = metadata.spec
    states: dict[str, Axes] = {name: value.shape for name, value in metadata.state.items()}
    inputs: dict[str, Axes] = {"audio": (spec.in_channels, None), "controls": (len(spec.controls),)}
    inputs |= {f"state_{name}": shape for name, shape in states.items()}
    outputs: dict[str, Axes] = {"audio_out": (spec.out_channels, None)}
    outputs |= {f"state_{name}_out": shape for name, shape in states.items()}
    _compare("input", facts.inputs, inputs)
    _compare("output", facts.outputs, outputs)
    return metadata


def _compare(kind: str, found: Mapping[str, Port], wanted: Mapping[str, Axes]) -> None:
    if set(found) != set(wanted):
        odd = ", ".join(sorted(set(found) ^ set(wanted)))
        raise PluginFileError(f"graph and metadata disagree on the {kind}s {odd}. Export the plugin again")
    for name, shape in wanted.items():
        port = found[name]
        is_float = port.element == DataType.FLOAT
        if not is_float or port.shape != (None, *shape):
            axes, expected = _axes(port.shape or ()), _axes((None, *shape))
            raise PluginFileError(
                f"{kind} {name!r} of the graph is {'float32' if is_float else 'not float32'} [{axes}]; "
                f"the metadata says float32 [{expected}]. Export the plugin again"
            )


def _axes(shape: Axes) -> str:
    """The axes as text. An axis of free size is shown by what it counts."""
    free = ("batch", "any", "samples")
    return ", ".join(free[min(at, 2)] if size is None else str(size) for at, size in enumerate(shape))
