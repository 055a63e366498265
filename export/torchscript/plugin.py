"""A file for nn~ as a plugin of torch whose state is named tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentfx.dsp.finite import finite
from latentfx.dsp.ramp import ControlRamp
from latentfx.errors import ExportError
from latentfx.host.door import check_trust, is_nn_tilde
from latentfx.host.guard import read_plugin_bytes
from latentfx.host.nn_tilde.facts import KEY, read_own_metadata
from latentfx.host.nn_tilde.first_use import meet_nn_tilde
from latentfx.host.nn_tilde.memory import ModuleMemory, twin_of
from latentfx.host.nn_tilde.model import open_module
from latentfx.host.nn_tilde.ports import MethodPort, read_ports
from latentfx.plugin import Plugin, State
from latentfx.spec import PluginSpec
from latentfx.testing.drive import relative_gap
from latentfx.training.runs.checkpoint import versions

from .program import Attributes, run

_TOLERANCE = 1e-4
_RAMP_MS = 30.0
_BLOCKS = 6


class ScriptedPlugin(Plugin):
    """The methods of a file as one pure step. Attributes stay as they are in the file.

    Args:
        module: the file, opened.
        spec: of the plugin; its controls are the offsets and scales of the code, if any.
        methods: from audio to audio, in order.
        ratio: samples of one value of the code; None where the code is left alone.
    Raises:
        ExportError: state that has no row for each channel.
    """

    def __init__(
        self, module: torch.jit.ScriptModule, spec: PluginSpec, methods: Sequence[str], ratio: int | None
    ) -> None:
        super().__init__(spec)
        # In a mapping, so that torch does not take them for parts of this module.
        self._parts = dict(module.named_modules(remove_duplicate=False))
        self._methods = list(methods)
        self._names: dict[str, str] = {}
        self._dimensions = len(spec.controls) // 2 if ratio else 0
        self.ramp = ControlRamp(max(len(spec.controls), 1), ratio or 1, _RAMP_MS, spec.sample_rate)
        for path, value in _moving(module, spec, methods).items():
            name = "held_" + re.sub(r"\W", "_", path)
            self.register_buffer(f"start_{name}", _one_row(path, value), persistent=False)
            self._names[path] = name

    def initial_state(self, batch_size: int = 1) -> State:
        held = {
            name: getattr(self, f"start_{name}").repeat(batch_size, *[1] * (self._rank(name) - 1))
            for name in self._names.values()
        }
        return held | (self.ramp.initial_state(batch_size) if self._dimensions else {})

    def _rank(self, name: str) -> int:
        return int(getattr(self, f"start_{name}").dim())

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        attributes = Attributes(
            self._parts, {path: state[name].clone() for path, name in self._names.items()}
        )
        more: State = {}
        audio = finite(audio)
        for index, method in enumerate(self._methods):
            if index and self._dimensions:
                size = self._dimensions
                _, knobs, more = self.ramp(controls, audio.shape[2], state)
                audio = audio * knobs[:, size:] + knobs[:, :size]
            audio = run(method, attributes, audio)
        return audio, {name: attributes.state[path] for path, name in self._names.items()} | more


def open_scripted(source: Path, name: str | None, trust: bool) -> tuple[Plugin, dict[str, Any]]:
    """Open a file for nn~ to write it as `.onnx`.

    Args:
        source: a `.ts` file.
        name: of the plugin; that of the file unless given.
        trust: whether it may be opened: it is a program.

    Returns:
        The plugin, which sounds like the file, and its provenance.

    Raises:
        PluginFileError: damaged, or not trusted.
        ExportError: one of ours, or a model that no plugin file can hold; the message has the reason.
    """
    data = read_plugin_bytes(source)
    if is_nn_tilde(data) and read_own_metadata(data) is not None:
        raise ExportError(
            f"{source} was written by latentfx: export the run, checkpoint or .onnx file that it comes from"
        )
    check_trust(trust, source.name)
    facts = meet_nn_tilde(data, source.stem)
    module = open_module(data).eval()
    ports, found = read_ports(module), facts.provenance[KEY]
    chained = bool(found["chain"]) and bool(found["always"])
    ratio = ports.latent[1] if chained and ports.latent else None
    methods = list(found["chain"]) if chained else ["forward"]
    kept = tuple(c for c in facts.spec.controls if chained and re.fullmatch(r"latent_\d+_\w+", c.name))
    spec = replace(facts.spec, name=name or facts.spec.name, controls=kept)
    if not chained and ports.methods["forward"] != MethodPort(spec.in_channels, 1, spec.out_channels, 1):
        raise ExportError(f"{source}: forward works at a ratio; only one of 1 becomes a plugin file")
    try:
        plugin = ScriptedPlugin(module, spec, methods, ratio)
        _compare(plugin, module, methods)
    except ExportError as error:
        raise ExportError(f"{source} cannot be written as .onnx: {error}") from None
    return plugin, {
        "method": f"{module.original_name}, a file for nn~",
        "licence": "not stated by the file",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions(),
        "attributes": {one.name: list(one.values) for one in ports.attributes},
    }


def _moving(module: torch.jit.ScriptModule, spec: PluginSpec, methods: Sequence[str]) -> dict[str, Tensor]:
    """Tensors that calls change, as they are at the start.

    Raises:
        ExportError: something else changes.
    """
    twin = twin_of(module)
    start = ModuleMemory(twin).values()
    with torch.no_grad():
        for block in _noise(spec):
            for method in methods:
                block = getattr(twin, method)(block)
    moved: dict[str, Tensor] = {}
    for path, now in ModuleMemory(twin).values().items():
        before = start[path]
        if isinstance(now, Tensor) and isinstance(before, Tensor):
            if now.shape != before.shape:
                raise ExportError(f"the state {path!r} changes its shape from {tuple(before.shape)} on")
            if not torch.equal(now, before):
                moved[path] = before
        elif now != before:
            raise ExportError(f"the model changes {path!r}, which is no tensor but {type(now).__name__}")
    return moved


def _one_row(path: str, value: Tensor) -> Tensor:
    """The first row of a state that has one for each row of the batch."""
    if value.dim() < 2 or value.dtype != torch.float32:
        raise ExportError(
            f"the state {path!r} is {str(value.dtype).removeprefix('torch.')} {list(value.shape)}; needed is "
            "float32 with a row for each channel first"
        )
    return value[:1].clone()


def _compare(plugin: ScriptedPlugin, module: torch.jit.ScriptModule, methods: Sequence[str]) -> None:
    """Play the same through the file and through the plugin, block by block and at once.

    Raises:
        ExportError: they differ.
    """
    twin, controls, state = twin_of(module), plugin.default_controls(1), plugin.initial_state(1)
    noise = _noise(plugin.spec)
    with torch.no_grad():
        heard = []
        for block in noise:
            for method in methods:
                block = getattr(twin, method)(block)
            heard.append(block)
        whole, _ = plugin(torch.cat(list(noise), -1), controls, state)
    gap = relative_gap(whole, torch.cat(heard, -1))
    if not gap <= _TOLERANCE:
        raise ExportError(f"its calls depend on their length: one long call differs by {gap:.3g} from many")


def _noise(spec: PluginSpec) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(_BLOCKS, 1, spec.in_channels, spec.block_size, generator=generator)
