"""A plugin file as a running graph: checked, and matched with its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from latentfx.arrays import Float32
from latentfx.errors import PluginFileError
from latentfx.host.blocks import BlockStream
from latentfx.host.guard import FileFacts, inspect
from latentfx.host.model.fields import DataType
from latentfx.host.model.model import Port
from latentfx.host.plugin_file import Metadata, load_metadata
from latentfx.host.runs import most_blocks
from latentfx.host.session import STEP_LIMIT_S, open_session
from latentfx.host.sizes.plan import Plan

TRIAL_STEP_S: Final = 10.0

Axes = tuple[int | None, ...]


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
        self.session = open_session(facts.model, threads)
        knobs = np.array(spec.defaults, np.float32)
        trial = BlockStream(self, 1, self.metadata.state, knobs, TRIAL_STEP_S)
        trial.step(np.zeros((1, spec.in_channels, spec.block_size), np.float32))

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
