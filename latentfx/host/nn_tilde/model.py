"""A file for nn~, opened: what `Graph` is for a plugin file of ours."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from latentfx.arrays import Float32
from latentfx.errors import LatentFXError, PluginFileError
from latentfx.host.plugin_file import Metadata
from latentfx.host.session import STEP_LIMIT_S
from latentfx.plugin import Plugin, State
from latentfx.spec import PluginSpec
from latentfx.testing import measure_latency

from .blocks import NnTildeBlocks, last_line
from .facts import ASSUMED, KEY, base_spec, find_chain, find_limits, read_own_metadata, wire, with_code
from .first_use import UNNAMED
from .ports import read_ports
from .row import ModelRow

_NEAR_S = 0.01


class NnTildeModel:
    """The model of a file for nn~, and what is known of it.

    Args:
        data: content of the file: a program, which opening it runs.
        threads: that one call may use.
        metadata: what was measured of the file before.

    Raises:
        PluginFileError: torch cannot open it, or it is not for nn~.
    """

    def __init__(self, data: bytes, threads: int, metadata: Metadata) -> None:
        self.metadata = metadata
        self._module = open_module(data)
        self._threads = threads
        self._wiring = wire(
            read_ports(self._module), metadata.spec, read_own_metadata(data), metadata.provenance[KEY]
        )

    def open(
        self, batch: int, initial: Mapping[str, Float32], controls: Float32, limit_s: float = STEP_LIMIT_S
    ) -> NnTildeBlocks:
        """Open a stream of whole blocks.

        Args:
            batch: rows run one after the other, each with a memory of its own.
            initial: nothing: the state lies in the model.
            controls: values of the controls, shared with whoever turns them.
            limit_s: a step that took longer raises.
        """
        rows = [ModelRow(self._module, self._wiring) for _ in range(batch)]
        return NnTildeBlocks(self.metadata.spec, rows, controls, self._threads, limit_s)


def open_module(data: bytes) -> torch.jit.ScriptModule:
    """Open a TorchScript file. It is a program: open only what you trust.

    Raises:
        PluginFileError: torch cannot open it.
    """
    try:
        with deprecations_allowed():
            module: torch.jit.ScriptModule = torch.jit.load(io.BytesIO(data), map_location="cpu")
    except RuntimeError as error:
        raise PluginFileError(f"torch cannot open the file: {last_line(error)}") from None
    return module.eval()


@contextmanager
def deprecations_allowed() -> Iterator[None]:
    """Ignore the warning that TorchScript is deprecated: nn~ loads nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        yield


def measure_file(data: bytes) -> Metadata:
    """Find out what hosts must know of a file: read what it says, and play bursts through it.

    Args:
        data: content of the file.

    Returns:
        What was found. A file that says no name of its own is called `UNNAMED`.

    Raises:
        PluginFileError: torch cannot open it, it is not for nn~, or it fails.
    """
    module, own = open_module(data), read_own_metadata(data)
    try:
        with torch.no_grad():
            ports = read_ports(module)
            spec = base_spec(ports, own, {} if own else find_limits(module, ports), UNNAMED)
            found = find_chain(module, ports, spec, own)
    except (RuntimeError, torch.jit.Error) as error:
        if isinstance(error, LatentFXError):
            raise
        raise PluginFileError(f"the file does not play: {last_line(error)}") from None
    found |= {"rate": "said by the file" if own or ports.rate_is_read else ASSUMED}
    spec = with_code(spec, len(found["chain"]) and (ports.latent or (0, 0))[0])
    latency = spec.latency if own else _latency(data, spec, found)
    found |= {
        "latency": "said by the file"
        if own
        else "measured"
        if latency is not None
        else "no sound to measure it by"
    }
    provenance, report = ({}, {}) if own is None else (own.provenance, own.report)
    return Metadata(replace(spec, latency=latency or 0), {}, {**provenance, KEY: found}, report)


def _latency(data: bytes, spec: PluginSpec, found: dict[str, Any]) -> int | None:
    """Samples from input to output, by bursts; to the sample where the model keeps the waveform.

    None where no sound comes out.
    """
    player = _Player(NnTildeModel(data, 1, Metadata(spec, {}, {KEY: found})))
    with suppress(LatentFXError):
        by_bursts = measure_latency(player, nonlinear=True)
        by_wave = measure_latency(player)
        near = abs(by_wave - by_bursts) <= _NEAR_S * spec.sample_rate
        return by_wave if near else by_bursts
    return None


class _Player(Plugin):
    """A model as a plugin of torch: enough to measure it. A new state begins a new stream."""

    def __init__(self, model: NnTildeModel) -> None:
        super().__init__(model.metadata.spec)
        self._model = model

    def initial_state(self, batch_size: int = 1) -> State:
        self._blocks = self._model.open(batch_size, {}, torch.tensor(self.spec.defaults).numpy())
        return {}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return torch.from_numpy(self._blocks.step(audio.numpy()).copy()), state
