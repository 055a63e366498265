"""Plugin files, opened as plugins of torch, so that every check of the contract runs on the file itself."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from latentfx.host.door import admit, check_trust
from latentfx.host.graph import Graph
from latentfx.host.guard import read_plugin_bytes
from latentfx.host.nn_tilde.facts import ASSUMED, KEY, own_setters, read_own_metadata, wire
from latentfx.host.nn_tilde.first_use import meet_nn_tilde
from latentfx.host.nn_tilde.model import open_module
from latentfx.host.nn_tilde.ports import read_ports
from latentfx.host.nn_tilde.row import Setter
from latentfx.host.plugin_file import Metadata
from latentfx.host.session import Runs
from latentfx.library import plugins
from latentfx.plugin import Plugin, State
from latentfx.spec import PluginSpec


class OnnxPlugin(Plugin):
    """The graph of a plugin file as a plugin.

    Args:
        metadata: what the file says of itself.
        session: its graph, opened.
    """

    def __init__(self, metadata: Metadata, session: onnxruntime.InferenceSession) -> None:
        super().__init__(metadata.spec)
        self.metadata = metadata
        self.session = session
        self._runs = Runs(session, metadata.spec.name)
        self._names = list(metadata.state)
        self._outputs = ["audio_out", *(f"state_{name}_out" for name in self._names)]

    def initial_state(self, batch_size: int = 1) -> State:
        return {
            name: torch.from_numpy(np.repeat(row[np.newaxis], batch_size, axis=0))
            for name, row in self.metadata.state.items()
        }

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        feed = {f"state_{name}": state[name].numpy() for name in self._names}
        feed |= {"audio": audio.contiguous().numpy(), "controls": controls.numpy()}
        out, *new = map(torch.from_numpy, self._runs.run(self._outputs, feed))
        return out, dict(zip(self._names, new, strict=True))


class NnTildePlugin(Plugin):
    """The method `forward` of a file for nn~ as a plugin.

    The file keeps its state in buffers of its module. This plugin finds the buffers that a call changes; it
    writes the state into them before a call and reads it from them afterwards. Rows run one after the other.

    Args:
        module: the file, opened.
        spec: of the plugin.
        setters: how its controls are set; as in a file of ours unless given.
    Shape:
        state: memory [B, S], everything that the module remembers
    """

    def __init__(
        self, module: torch.jit.ScriptModule, spec: PluginSpec, setters: tuple[Setter, ...] | None = None
    ) -> None:
        super().__init__(spec)
        self._held = [module]  # in a list, so that torch does not take it for a part of this module
        own = own_setters(spec, module.get_methods()) if setters is None and spec.controls else ()
        self._setters = own if setters is None else setters
        self._turned: list[float] = []
        self._moving = self._find_moving()
        self._start = self._read()

    @property
    def module(self) -> torch.jit.ScriptModule:
        """The file, opened."""
        return self._held[0]

    def initial_state(self, batch_size: int = 1) -> State:
        return {"memory": self._start.repeat(batch_size, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        rows, memories = [], []
        for index, row in enumerate(audio.split(1, 0)):
            self._turn(controls[index].tolist())
            self._write(state["memory"][index])
            rows.append(self.module(row))
            memories.append(self._read())
        return torch.cat(rows, 0).float(), {"memory": torch.cat(memories, 0)}

    def _turn(self, values: list[float]) -> None:
        if values == self._turned:
            return
        for setter in self._setters:
            setter.set(self.module, values)
        self._turned = values

    def _find_moving(self) -> list[str]:
        """Names of the buffers that a call changes; they are left as at the start."""
        size = self.spec.block_size
        silence = torch.zeros(1, self.spec.in_channels, size)
        noise = 0.1 * torch.randn(silence.shape, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            self.module(silence)
            before = {name: value.clone() for name, value in self._all_buffers()}
            self.module(noise)
            changed = [
                name
                for name, value in self._all_buffers()
                if value.shape != before[name].shape or not torch.equal(value, before[name])
            ]
            for name in changed:
                self._put(name, torch.zeros_like(before[name]))
            if hasattr(self.module, "reset_state"):
                self.module.reset_state()
            elif hasattr(self.module, "set_reset"):
                self.module.set_reset(1)
        return changed

    def _all_buffers(self) -> list[tuple[str, Tensor]]:
        """Every buffer, also those that share their memory with another."""
        return list(self.module.named_buffers(remove_duplicate=False))

    def _values(self) -> list[Tensor]:
        found: list[Any] = [functools.reduce(getattr, name.split("."), self.module) for name in self._moving]
        return found

    def _read(self) -> Tensor:
        """Shape: -> [1, S]."""
        return torch.cat([torch.zeros(0), *(value.float().flatten() for value in self._values())]).unsqueeze(
            0
        )

    def _write(self, row: Tensor) -> None:
        values = self._values()
        parts = row.split([value.numel() for value in values])
        for name, value, part in zip(self._moving, values, parts, strict=True):
            self._put(name, part.reshape(value.shape).to(value.dtype, copy=True))

    def _put(self, name: str, value: Tensor) -> None:
        *parents, leaf = name.split(".")
        setattr(functools.reduce(getattr, parents, self.module), leaf, value)


def plugin_path(name: str | os.PathLike[str]) -> Path:
    """The file of a shipped plugin, by its name; any other text is the path of a file."""
    if os.fspath(name) in plugins():
        return Path(str(resources.files("latentfx.presets") / "plugins" / f"{os.fspath(name)}.onnx"))
    return Path(name)


def open_plugin_file(
    path: Path, *, trust: bool = False, sample_rate: int = 44_100
) -> tuple[OnnxPlugin | NnTildePlugin, Metadata]:
    """Open a plugin file as a plugin of torch.

    Args:
        path: an `.onnx` file, or a TorchScript file for nn~ (made elsewhere, too).
        trust: whether a TorchScript file may be opened: it is a program; and an `.onnx` file whose operators
            break the rules for files from strangers.
        sample_rate: Hz, for a TorchScript file that does not say its own.
    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: damaged, hostile, no plugin, or TorchScript that is not trusted.
    """
    if path.suffix == ".ts":
        return open_torchscript(path, trust=trust, sample_rate=sample_rate)
    data, trusted = admit(path, trust)
    graph = Graph(data, trust=trusted)
    return OnnxPlugin(graph.metadata, graph.session), graph.metadata


def open_torchscript(
    path: Path, *, trust: bool = False, sample_rate: int = 44_100
) -> tuple[NnTildePlugin, Metadata]:
    """Open a file for nn~ as a plugin of torch; see `open_plugin_file`."""
    data = read_plugin_bytes(path)
    check_trust(trust, path.name)
    module, metadata = open_module(data), read_own_metadata(data)
    if metadata is None:
        return _foreign(module, data, path, sample_rate)
    return NnTildePlugin(module, metadata.spec), metadata


def _foreign(
    module: torch.jit.ScriptModule, data: bytes, path: Path, sample_rate: int
) -> tuple[NnTildePlugin, Metadata]:
    """A file of another program: what it says, and what was measured of it. Its `forward` is judged."""
    found = meet_nn_tilde(data, path.stem)
    setters = wire(read_ports(module), found.spec, None, {}).setters
    kept = sum(len(setter.values) for setter in setters)
    rate = sample_rate if found.provenance[KEY]["rate"] == ASSUMED else found.spec.sample_rate
    spec = replace(found.spec, controls=found.spec.controls[:kept], sample_rate=rate)
    return NnTildePlugin(module, spec, setters), replace(found, spec=spec, provenance={})
