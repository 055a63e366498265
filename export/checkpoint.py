"""From a checkpoint to a plugin file, measured on the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from latentfx.errors import ExportError
from latentfx.plugin import Plugin
from latentfx.plugin_file import Metadata
from latentfx.spec import PluginSpec
from latentfx.testing import Check, ContractReport, Terms, verify_contract, verify_parity
from latentfx.training.checkpoint import load_checkpoint

from .builders import build_plugin
from .bundle import initial_row
from .neutone import export_neutone
from .nn_tilde import export_nn_tilde
from .nn_tilde_form import check_nn_tilde
from .nn_tilde_parity import verify_nn_tilde
from .onnx import export_onnx
from .opened import NnTildePlugin, OnnxPlugin
from .patches import write_patches
from .timing import torch_threads
from .validation import stress_checks

SUFFIXES = {"onnx": ".onnx", "nn~": ".ts", "neutone": ".nm"}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the plugin file.
        size: bytes.
        spec: of the plugin.
        report: what was measured, as the file holds it; empty when nothing was.
        patches: help patches written beside it, for the hosts that load them.
    """

    path: Path
    size: int
    spec: PluginSpec
    report: Mapping[str, Any]
    patches: tuple[Path, ...] = ()


def export_checkpoint(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    to: str | None = None,
    name: str | None = None,
    default: str | None = None,
    verify: bool = True,
) -> Exported:
    """Write the plugin file of a trained model.

    Args:
        path: a checkpoint folder, its weights file, or a run folder (whose last stage's best is taken).
        target: the file to write; `NAME.onnx`, `NAME.ts` or `NAME.nm` in the current folder unless given.
        to: `onnx` for our own hosts, `nn~` for Max/MSP and Pure Data (with help patches beside it),
            `neutone` for Neutone FX in a DAW; as `target` ends unless given, and `onnx` without one.
        name: of the plugin; that of the recipe unless given.
        default: what the plugin is set to at start, a timbre for example; its first choice unless given.
        verify: measure the plugin against the contract, and the file against torch, and keep the numbers in
            the file.
    Raises:
        CheckpointError: no checkpoint, or a damaged one.
        ExportError: the method has no plugin, or the file cannot be written.
        ContractError: the plugin breaks the contract. Then nothing is written.
    """
    to = _format(path, target, to)
    objective, card = load_checkpoint(Path(path))
    plugin, provenance = build_plugin(objective, card, name or str(card["recipe"]["recipe"]["name"]), default)
    target = Path(target or plugin.spec.name + SUFFIXES[to])
    report: dict[str, Any] = {}
    patches: tuple[Path, ...] = ()

    def measure(graph: onnxruntime.InferenceSession | torch.jit.ScriptModule) -> Mapping[str, Any]:
        measured = measure_plugin if to == "onnx" else measure_nn_tilde
        report.update(measured(plugin, graph))
        return report

    if to == "onnx":
        file = export_onnx(plugin, target, provenance, measure if verify else report)
    elif to == "neutone":
        if verify:
            with torch_threads(1):
                report["contract"] = verify_contract(plugin, nonlinear=True).as_dict()
        file = export_neutone(plugin, target, provenance, verify=verify)
    else:
        file = export_nn_tilde(plugin, target, provenance, measure if verify else report)
        patches = write_patches(plugin, file)
    return Exported(file, file.stat().st_size, plugin.spec, report, patches)


def _format(source: str | os.PathLike[str], target: str | os.PathLike[str] | None, to: str | None) -> str:
    """Which form the file takes.

    Raises:
        ExportError: a form that is unknown, or a source that has no torch side.
    """
    if Path(source).suffix in SUFFIXES.values():
        raise ExportError(
            f"{source} is a plugin file: a finished graph, from which torch cannot be won back. Export from "
            "the model's run folder or checkpoint (latentfx train writes one)"
        )
    if to is None:
        suffix = "" if target is None else Path(target).suffix
        return next((form for form, ending in SUFFIXES.items() if ending == suffix), "onnx")
    if to not in SUFFIXES:
        raise ExportError(f"nothing is exported to {to!r}; allowed: {', '.join(SUFFIXES)}")
    return to


def measure_plugin(plugin: Plugin, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """Measure a plugin that makes its own phase against the contract, and its graph against torch.

    Returns:
        `contract`, `parity` and `stress`, as JSON can hold them.
    Raises:
        ContractError: a law or the agreement fails.
    """
    with torch_threads(1):
        contract = verify_contract(plugin, nonlinear=True)
        parity = verify_parity(plugin, session)
        rows = {name: value[0].numpy() for name, value in initial_row(plugin).items()}
        stressed = _stress(OnnxPlugin(Metadata(plugin.spec, rows), session))
    return {"contract": contract.as_dict(), "parity": parity.as_dict(), "stress": stressed.as_dict()}


def measure_nn_tilde(plugin: Plugin, module: torch.jit.ScriptModule) -> dict[str, Any]:
    """Measure a plugin that makes its own phase against the contract, and its file for nn~ against torch.

    Returns:
        `contract`, `parity` and `stress`, as JSON can hold them.
    Raises:
        ContractError: a law or the agreement fails.
    """
    with torch_threads(1):
        contract = verify_contract(plugin, nonlinear=True)
        parity = verify_nn_tilde(plugin, module)
        stressed = _stress(NnTildePlugin(module, plugin.spec), check_nn_tilde(module))
    return {"contract": contract.as_dict(), "parity": parity.as_dict(), "stress": stressed.as_dict()}


def _stress(file: Plugin, *more: Check) -> ContractReport:
    """What the file itself does under loud, sudden and broken input.

    Raises:
        ContractError: a check fails.
    """
    checks = (*more, *stress_checks(file, Terms(nonlinear=True)))
    return ContractReport(file.spec.name, checks).require()
