"""A torch plugin as one TorchScript file for nn~, the external of Max/MSP and Pure Data."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.bundle import initial_row, metadata_text, require_provenance, write_file
from latentfx.host.nn_tilde.facts import METADATA_FILE
from latentfx.host.nn_tilde.model import deprecations_allowed, open_module
from latentfx.host.nn_tilde.ports import MIN_RATIO
from latentfx.plugin import Plugin
from latentfx.testing.drive import evaluating

from .attributes import attributes
from .latent import MAX_LATENT_CHANNELS, LatentLayout, latent_layout
from .libtorch import VERSION, unknown_operators
from .module import NnTilde, NnTildeLatent
from .steps import LatentStepsInterface, StepsInterface

MAX_RATIO = 4096
MIN_NAME = 3

Report = Mapping[str, Any] | Callable[[torch.jit.ScriptModule], Mapping[str, Any]]
Ports = dict[str, tuple[int, int, int, int]]


def export_nn_tilde(
    plugin: Plugin,
    path: str | os.PathLike[str],
    provenance: Mapping[str, Any],
    report: Report | None = None,
    *,
    latent: bool = True,
) -> Path:
    """Write a plugin as a file for nn~.

    Its methods are `forward` (audio to audio) and `info` (sample rate and latency as signals). A
    `LatentEffect` of at most 64 latent dimensions also has `encode`, `decode` and its operator (`swap`): one
    channel for each latent dimension, one value for each hop. Its attributes are every control and blend,
    `reset`, `sample_rate` and `latency`. A control with the name of a method is renamed: `mix` becomes
    `mix_amount`. The file is a zip; `extra/latentfx.json` in it holds spec, provenance and report.

    Args:
        plugin: any plugin that keeps the contract and that TorchScript can compile.
        path: the file to write; ends in `.ts`.
        provenance: where the plugin comes from; needs method, licence, date and versions.
        report: what validation found; or a function that validates the module before the file is written,
            and returns what it found.
        latent: whether a `LatentEffect` gets its latent methods.
    Returns:
        The path written.
    Raises:
        ExportError: nn~ cannot run the plugin; the message has the reason.
    """
    target = Path(path)
    if target.suffix != ".ts":
        raise ExportError(f"a file for nn~ ends in .ts, not {target.suffix!r}; rename {target.name!r}")
    if len(target.stem) < MIN_NAME:
        raise ExportError(
            f"{target.name!r}: nn~ crashes Pure Data if a name has fewer than {MIN_NAME} letters; take more"
        )
    require_provenance(provenance)
    state = initial_row(plugin)
    with evaluating(plugin), torch.no_grad():
        module = _compile(plugin, latent)
    if callable(report):
        report = report(open_module(_bytes(module, "")))
    write_file(target, _bytes(module, metadata_text(plugin, state, provenance, report or {})))
    return target


def _compile(plugin: Plugin, latent: bool) -> torch.jit.ScriptModule:
    layout = _layout(plugin) if latent else None
    ports = method_ports(plugin, layout)
    source = f"def get_methods(self) -> List[str]:\n    self.prepare()\n    return {_list(ports)}\n"
    if layout is not None:
        source += f"def {layout.operator}(self, latent: Tensor) -> Tensor:\n    return self.operate(latent)\n"
    found = attributes(plugin.spec, ports)
    source += "".join(attribute.source for attribute in found)
    source += f"def get_attributes(self) -> List[str]:\n    return {_list(a.name for a in found)}\n"
    try:
        with deprecations_allowed():
            scripted: torch.jit.ScriptModule = torch.jit.script(_wrap(plugin, layout, ports))
            scripted.define(source)
    except Exception as error:  # torch's compiler has no common base for what it refuses
        raise ExportError(
            f"{plugin.spec.name!r} cannot be written for nn~, which runs TorchScript: {error}. Keep to "
            "tensors, numbers, str, list and dict with annotations in forward and in everything that it "
            "calls; take weight_norm off first (torch.nn.utils.parametrize.remove_parametrizations)"
        ) from error
    _check_operators(plugin, scripted)
    return scripted


def _layout(plugin: Plugin) -> LatentLayout | None:
    """The latent channels; None without a latent space, or with one that no patch can hold."""
    layout = latent_layout(plugin) if isinstance(plugin, LatentEffect) else None
    return layout if layout is None or len(layout.labels) <= MAX_LATENT_CHANNELS else None


def method_names(plugin: Plugin) -> tuple[str, ...]:
    """Names of the methods that the file of a plugin has: `forward`, `info`, `encode` and so on."""
    return tuple(method_ports(plugin, _layout(plugin)))


def method_ports(plugin: Plugin, layout: LatentLayout | None) -> Ports:
    """Channels in, ratio in, channels out and ratio out of every method, as nn~ reads them.

    Raises:
        ExportError: a block or a hop that nn~ cannot make.
    """
    spec = plugin.spec
    ratio = max(MIN_RATIO, spec.block_size)
    ports: Ports = {"forward": (spec.in_channels, 1, spec.out_channels, 1), "info": (1, ratio, 2, ratio)}
    for what, size in (("block", spec.block_size), ("hop", getattr(plugin, "hop", 1))):
        if size & (size - 1) or size > MAX_RATIO:
            raise ExportError(
                f"the {what} of {spec.name!r} has {size} samples; allowed powers of two up to {MAX_RATIO}. "
                "Train with such a hop"
            )
    if layout is not None:
        assert isinstance(plugin, LatentEffect)
        channels, hop = len(layout.labels), plugin.hop
        ports["encode"] = (spec.in_channels, 1, channels, hop)
        ports["decode"] = (channels, hop, spec.out_channels, 1)
        if layout.operator in ports:
            raise ExportError(f"an operator cannot be called {layout.operator!r} in nn~; rename its class")
        ports[layout.operator] = (channels, hop, channels, hop)
    return ports


def _wrap(plugin: Plugin, layout: LatentLayout | None, ports: Ports) -> NnTilde:
    """The module to compile. Its class is new each time, because torch compiles a class only once."""
    wrapper: NnTilde
    if layout is None:
        wrapper = type(
            "ForNnTilde", (NnTilde,), {"__annotations__": {"steps": torch.jit.interface(StepsInterface)}}
        )(plugin)
        kept = []
    else:
        assert isinstance(plugin, LatentEffect)
        names = {"__annotations__": {"steps": torch.jit.interface(LatentStepsInterface)}}
        wrapper = type("ForNnTilde", (NnTildeLatent,), names)(plugin, layout)
        kept = ["encode", "operate", "decode"]
    steps = torch.jit.script(wrapper.steps.eval())
    wrapper.steps = torch.jit.freeze(steps, preserved_attrs=kept)
    for method, numbers in ports.items():
        wrapper.register_buffer(f"{method}_params", torch.tensor(numbers))
    for attribute in attributes(plugin.spec, ports):
        wrapper.register_buffer(f"{attribute.name}_params", torch.tensor([attribute.type_code]))
    for name, labels in _labels(plugin, layout).items():
        setattr(wrapper, name, labels)
    return wrapper.eval()


def _labels(plugin: Plugin, layout: LatentLayout | None) -> dict[str, list[str]]:
    """What Max shows at the inlets and outlets of each method."""
    spec = plugin.spec
    audio_in = [f"(signal) audio {index + 1}" for index in range(spec.in_channels)]
    audio_out = [f"(signal) audio {index + 1}" for index in range(spec.out_channels)]
    labels = {
        "forward": (audio_in, audio_out),
        "info": (["(signal) anything"], ["(signal) sample rate, Hz", "(signal) latency, samples"]),
    }
    if layout is not None:
        latent = [f"(signal) {label}" for label in layout.labels]
        labels |= {"encode": (audio_in, latent), "decode": (latent, audio_out)}
        labels[layout.operator] = (latent, latent)
    return {
        f"{method}_{side}_labels": names
        for method, sides in labels.items()
        for side, names in zip(("input", "output"), sides, strict=True)
    }


def _check_operators(plugin: Plugin, module: torch.jit.ScriptModule) -> None:
    unknown = unknown_operators(module)
    if unknown:
        raise ExportError(
            f"{plugin.spec.name!r} uses {', '.join(unknown)}, which libtorch {VERSION} inside nn~ does not "
            "have: Max or Pure Data would crash when it loads the file. Write that step with older operators"
        )


def _bytes(module: torch.jit.ScriptModule, metadata: str) -> bytes:
    buffer = io.BytesIO()
    with deprecations_allowed():
        torch.jit.save(module, buffer, _extra_files={METADATA_FILE: metadata})
    return without_traces(buffer.getvalue())


def without_traces(data: bytes) -> bytes:
    """A TorchScript file without the lines and folders of the source that it was compiled from."""
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    buffer = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(buffer)
    for name in reader.get_all_records():
        record = reader.get_record(name)
        if name in ("version", ".data/version"):  # the writer puts it where readers of that version look
            writer.set_min_version(int(record))
        elif not name.endswith((".debug_pkl", "serialization_id")):
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()
    return buffer.getvalue()


def _list(names: Any) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
