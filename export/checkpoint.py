"""From a checkpoint to a plugin file, measured on the way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from latentfx.plugin import Plugin
from latentfx.spec import PluginSpec
from latentfx.testing import verify_contract, verify_parity
from latentfx.training.checkpoint import load_checkpoint

from .builders import build_plugin
from .onnx import export_onnx


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the plugin file.
        size: bytes.
        spec: of the plugin.
        report: what was measured, as the file holds it; empty when nothing was.
    """

    path: Path
    size: int
    spec: PluginSpec
    report: Mapping[str, Any]


def export_checkpoint(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    default: str | None = None,
    verify: bool = True,
) -> Exported:
    """Write the plugin file of a trained model.

    Args:
        path: a checkpoint folder, its weights file, or a run folder (whose last stage's best is taken).
        target: the file to write; `NAME.onnx` in the current folder unless given.
        name: of the plugin; that of the recipe unless given.
        default: what the plugin is set to at start, a timbre for example; its first choice unless given.
        verify: measure the plugin against the contract, and the graph against torch and TorchScript, and keep
            the numbers in the file.
    Raises:
        CheckpointError: no checkpoint, or a damaged one.
        ExportError: the method has no plugin, or the file cannot be written.
        ContractError: the plugin breaks the contract. Then nothing is written.
    """
    objective, card = load_checkpoint(Path(path))
    plugin, provenance = build_plugin(objective, card, name or str(card["recipe"]["recipe"]["name"]), default)
    report: dict[str, Any] = {}

    def measure(session: onnxruntime.InferenceSession) -> Mapping[str, Any]:
        report.update(measure_plugin(plugin, session))
        return report

    file = export_onnx(
        plugin, target or f"{plugin.spec.name}.onnx", provenance, measure if verify else report
    )
    return Exported(file, file.stat().st_size, plugin.spec, report)


def measure_plugin(plugin: Plugin, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """Measure a plugin that makes its own phase against the contract, and its graph against torch.

    Returns:
        `contract` and `parity`, as JSON can hold them.
    Raises:
        ContractError: a law or the agreement fails.
    """
    contract = verify_contract(plugin, nonlinear=True)
    return {"contract": contract.as_dict(), "parity": verify_parity(plugin, session).as_dict()}
