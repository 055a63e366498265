"""From a checkpoint to a plugin file, measured on the way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import torch

from latentfx.errors import ExportError
from latentfx.files import safe_name
from latentfx.forms import SUFFIXES, WEB, check_names
from latentfx.host.graph import read_metadata
from latentfx.host.guard import naming, read_plugin_bytes
from latentfx.host.plugin_file import REBUILD_KEY, Metadata
from latentfx.plugin import Plugin
from latentfx.spec import PluginSpec
from latentfx.testing import Check, ContractReport, Terms, verify_contract, verify_parity
from latentfx.testing.report import Progress, in_silence
from latentfx.training.runs.checkpoint import load_checkpoint, method_of, reading_card

from .builders.builder import build_plugin, set_latency
from .bundle import initial_row
from .checks.opened import NnTildePlugin, OnnxPlugin, plugin_path
from .checks.stress import check_provenance
from .checks.timing import Timing, measure, plugin_runner, torch_threads
from .checks.validation import stress_checks
from .neutone.file import export_neutone
from .nn_tilde.file import export_nn_tilde
from .nn_tilde.form import check_nn_tilde
from .nn_tilde.host_rate import AtHostRate
from .nn_tilde.parity import verify_nn_tilde
from .onnx import export_onnx
from .patches.file import write_patches
from .rebuild import rebuild_facts, rebuild_plugin
from .torchscript.plugin import open_scripted
from .web.runtime import find_runtime
from .web.site import write_site


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
    latency: int | None = None,
    host_rate: int | None = None,
    verify: bool = True,
    minutes: float = 1.0,
    trust: bool = False,
    progress: Progress = in_silence,
    runtime: str | None = None,
    renew: bool = False,
) -> Exported:
    """Write the plugin file of a trained model, or of a plugin file in another form.

    Args:
        path: a checkpoint folder, its weights file, a run folder (whose last stage's best is taken), or a
            plugin: an `.onnx` file that this function wrote, or the name of a shipped one; or a `.ts`
            file for nn~ that others made.
        target: the file to write; `NAME.onnx`, `NAME.ts`, `NAME.nm` or `NAME.amxd` in the current folder
            unless given.
        to: `onnx` for our own hosts, `nn~` for Max/MSP and Pure Data (with help patches beside it),
            `m4l` for Max for Live (`NAME.ts`, and the device `NAME.amxd` beside it), `neutone` for Neutone
            FX in a DAW, `web` for a page that runs it in a browser (`target` is its folder); as `target`
            ends unless given, and `onnx` without one.
        name: of the plugin; that of the recipe, or of the plugin file, unless given.
        default: what the plugin is set to at start, a timbre for example; its first choice, or that of the
            plugin file, unless given.
        latency: samples, where the method has a choice; that of the recipe, or of the plugin file, unless
            given.
        host_rate: Hz, for nn~ and Max for Live: the file resamples from and to this rate; that of the plugin
            unless given.
        verify: measure the plugin against the contract, and the file against torch, and keep the numbers in
            the file.
        minutes: of audio that run through the file while memory is watched; `validate` takes ten.
        trust: whether code outside the catalogue may run, if `path` names some.
        progress: called with the name of each step as it begins.
        runtime: for `web`: the npm package onnxruntime-web, as a file or folder, or the address of its folder
            `dist`.
        renew: whether a plugin file by an earlier latentfx may become one that sounds as this one makes it.
    Raises:
        CheckpointError: no checkpoint, or a damaged one.
        TrustError: `path` names code outside the catalogue, and `trust` is not set.
        ExportError: the method has no plugin, or the file cannot be written.
        ContractError: the plugin breaks the contract. Then nothing is written.
    """
    check_names(target if target is None else Path(target), to, name)
    to, scripted = _format(path, target, to), Path(path).suffix == SUFFIXES["nn~"]
    if to == WEB:
        if host_rate is not None:
            raise ExportError("a host rate is for nn~ and m4l; a page resamples: leave it out")
        changes: dict[str, Any] = {"name": name, "default": default, "latency": latency}
        changes |= {"verify": verify, "minutes": minutes, "progress": progress}
        return _export_page(path, target, runtime, trust, changes)
    if runtime is not None:
        raise ExportError(f"a runtime is for pages (--to {WEB}), not for {to}; leave it out")
    progress("opening the model")
    plugin, provenance = _open(plugin_path(path), name, default, latency, trust, renew)
    if host_rate is not None:
        plugin = _at_host_rate(plugin, host_rate, to)
    target = Path(target or safe_name(plugin.spec.name) + SUFFIXES[to])
    report: dict[str, Any] = {}
    patches: tuple[Path, ...] = ()

    def validated(graph: onnxruntime.InferenceSession | torch.jit.ScriptModule) -> Mapping[str, Any]:
        measured = measure_plugin if to == "onnx" else measure_nn_tilde
        if scripted:
            measured = measure_scripted
        report.update(measured(plugin, graph, provenance, minutes, progress))
        return report

    progress("writing the graph")
    if to == "onnx":
        file = export_onnx(plugin, target, provenance, validated if verify else report)
    elif to == "neutone":
        if verify:
            with torch_threads(1):
                report["contract"] = verify_contract(plugin, nonlinear=True, progress=progress).as_dict()
        file = export_neutone(plugin, target, provenance, verify=verify)
    else:
        file = target.with_suffix(SUFFIXES["nn~"]) if to == "m4l" else target
        file = export_nn_tilde(plugin, file, provenance, validated if verify else report)
        patches = write_patches(plugin, file, live=to == "m4l")
    return Exported(file, file.stat().st_size, plugin.spec, report, patches)


def _export_page(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    runtime: str | None,
    trust: bool,
    changes: Mapping[str, Any],
) -> Exported:
    """Write a page; a plugin file as it is, and of anything else the plugin file first."""
    files = find_runtime(runtime)
    source = plugin_path(path)
    with tempfile.TemporaryDirectory() as folder:
        report: Mapping[str, Any] = {}
        if source.suffix != SUFFIXES["onnx"] or any(changes[key] for key in ("name", "default", "latency")):
            made = export_checkpoint(path, Path(folder) / "plugin.onnx", to="onnx", trust=trust, **changes)
            source, report = made.path, made.report
        data = read_plugin_bytes(source)
        with naming(source):
            spec = read_metadata(data).spec
        site = Path(target or safe_name(spec.name))
        size = write_site(source, site, files, trust)
    return Exported(site / "index.html", size, spec, report)


def _open(
    source: Path, name: str | None, default: str | None, latency: int | None, trust: bool, renew: bool
) -> tuple[Plugin, dict[str, Any]]:
    if source.suffix == SUFFIXES["nn~"]:
        return open_scripted(source, name, trust)
    if source.suffix == SUFFIXES["onnx"]:
        return rebuild_plugin(source, name, default, latency, trust, renew)
    objective, card = load_checkpoint(source, trust=trust)
    with reading_card(source):
        method = method_of(source, card, trust)
        if latency is not None:
            set_latency(objective, method, latency)
            card["method_config"] = asdict(objective.config)
        name = name or str(card["recipe"]["recipe"]["name"])
        plugin, provenance = build_plugin(objective, card, name, default, method)
        return plugin, {**provenance, REBUILD_KEY: rebuild_facts(card)}


def _at_host_rate(plugin: Plugin, host_rate: int, to: str) -> Plugin:
    """The plugin at the rate of a host.

    Raises:
        ExportError: a form whose hosts resample themselves, or a rate that is unusual.
    """
    if to not in ("nn~", "m4l"):
        raise ExportError(f"a host rate is for nn~ and m4l, not for {to}, whose host resamples; leave it out")
    return plugin if host_rate == plugin.spec.sample_rate else AtHostRate(plugin, host_rate)


def _format(source: str | os.PathLike[str], target: str | os.PathLike[str] | None, to: str | None) -> str:
    """Which form the file takes.

    Raises:
        ExportError: a form that is unknown, or a source that has no torch side.
    """
    if Path(source).suffix in (SUFFIXES["neutone"], SUFFIXES["m4l"]):
        raise ExportError(
            f"{source} is a finished program, from which the model cannot be won back. Export from the "
            ".onnx file of the same plugin, or from its run folder or checkpoint"
        )
    if to is None:
        suffix = "" if target is None else Path(target).suffix
        return next((form for form, ending in SUFFIXES.items() if ending == suffix), "onnx")
    if Path(source).suffix == SUFFIXES["nn~"] and to != "onnx":
        raise ExportError(f"{source} is a file for nn~, which becomes onnx alone, not {to}")
    if to not in (*SUFFIXES, WEB):
        raise ExportError(f"nothing is exported to {to!r}; allowed: {', '.join((*SUFFIXES, WEB))}")
    return to


def measure_plugin(
    plugin: Plugin,
    session: onnxruntime.InferenceSession,
    provenance: Mapping[str, Any],
    minutes: float = 1.0,
    progress: Progress = in_silence,
) -> dict[str, Any]:
    """Measure a plugin that makes its own phase against the contract, and its graph against torch.

    Args:
        plugin: in torch.
        session: its graph, opened.
        provenance: that the file will hold.
        minutes: of audio that run through while memory is watched.
        progress: called with the name of each check as it begins.
    Returns:
        `contract`, `parity`, `stress` and `timings`, as JSON can hold them.
    Raises:
        ContractError: a law, the agreement or a check of the file fails. What a call costs is written down,
            and fails nothing: the machine that plays is another one.
    """
    with torch_threads(1):
        contract = verify_contract(plugin, nonlinear=True, progress=progress)
        progress("parity")
        parity = verify_parity(plugin, session)
        rows = {name: value[0].numpy() for name, value in initial_row(plugin).items()}
        file = OnnxPlugin(Metadata(plugin.spec, rows), session)
        found = _stress(file, provenance, minutes, progress)
    return {"contract": contract.as_dict(), "parity": parity.as_dict(), **found}


def measure_scripted(
    plugin: Plugin,
    session: onnxruntime.InferenceSession,
    provenance: Mapping[str, Any],
    minutes: float = 1.0,
    progress: Progress = in_silence,
) -> dict[str, Any]:
    """Measure the graph of a model of others against its file. It has made no promise to keep the contract.

    As `measure_plugin`; `parity` alone. `latentfx validate` judges the file.
    """
    with torch_threads(1):
        progress("parity")
        return {"parity": verify_parity(plugin, session, torchscript=False).as_dict()}


def measure_nn_tilde(
    plugin: Plugin,
    module: torch.jit.ScriptModule,
    provenance: Mapping[str, Any],
    minutes: float = 1.0,
    progress: Progress = in_silence,
) -> dict[str, Any]:
    """Measure a plugin that makes its own phase against the contract, and its file for nn~ against torch.

    As `measure_plugin`, for a module.
    """
    with torch_threads(1):
        contract = verify_contract(plugin, nonlinear=True, progress=progress)
        progress("parity")
        parity = verify_nn_tilde(plugin, module)
        form = check_nn_tilde(module)
        found = _stress(NnTildePlugin(module, plugin.spec), provenance, minutes, progress, form)
    return {"contract": contract.as_dict(), "parity": parity.as_dict(), **found}


def _stress(
    file: OnnxPlugin | NnTildePlugin,
    provenance: Mapping[str, Any],
    minutes: float,
    progress: Progress,
    *more: Check,
) -> dict[str, Any]:
    """What the file itself does under loud, sudden and broken input, over a long time, and what it costs.

    Raises:
        ContractError: a check fails.
    """
    found = stress_checks(file, Terms(nonlinear=True), minutes, progress)
    checks = (*more, *found, check_provenance(provenance))
    stress = ContractReport(file.spec.name, checks).require()
    progress("cost")
    timings = measure(plugin_runner(file), seconds=0.5)
    return {"stress": stress.as_dict(), "timings": [_rounded(timing) for timing in timings]}


def _rounded(timing: Timing) -> dict[str, float]:
    return {name: round(value, 3) for name, value in (asdict(timing) | {"load": timing.load}).items()}
