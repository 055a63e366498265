"""Everything that is checked about a plugin file, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latentfx.errors import CheckpointError, ExportError
from latentfx.export.nn_tilde.form import check_nn_tilde
from latentfx.host.plugin_file import Metadata
from latentfx.plugin import Plugin
from latentfx.testing import Check, ContractReport, Terms, check_contract
from latentfx.testing.contract import name_of
from latentfx.testing.drive import evaluating
from latentfx.testing.report import Progress, in_silence

from . import stress
from .opened import NnTildePlugin, OnnxPlugin, open_plugin_file
from .timing import Timing, late_calls, measure, open_runner, torch_threads

MOST_OF_DEADLINE = 0.5
_STRESS = (
    stress.check_hops,
    stress.check_reset,
    stress.check_square,
    stress.check_dc,
    stress.check_jumps,
    stress.check_sweeps,
)


@dataclass(frozen=True)
class Validation:
    """What was found about one plugin file.

    Args:
        file: its path.
        kind: `onnx` or `nn~`.
        plugin: its name.
        checks: each with the number measured, the one allowed, and the cure.
        timings: what a call costs, by the host's buffer.
    """

    file: str
    kind: str
    plugin: str
    checks: tuple[Check, ...]
    timings: tuple[Timing, ...]

    @property
    def warnings(self) -> list[str]:
        """What no check judges, and people should know: late calls."""
        note = late_calls(self.timings)
        return [] if note is None else [note]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        report = ContractReport(self.plugin, self.checks).as_dict()
        advice = {check.name: check.advice for check in self.checks if not check.passed}
        timings = [asdict(timing) | {"load": timing.load} for timing in self.timings]
        facts = {"file": self.file, "kind": self.kind, "plugin": self.plugin, "warnings": self.warnings}
        return {**facts, **report, "advice": advice, "timings": timings}


def validate(
    path: str | os.PathLike[str],
    *,
    trust: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    minutes: float = 10.0,
    sample_rate: int = 44_100,
    terms: Terms | None = None,
    progress: Progress = in_silence,
) -> Validation:
    """Run every check on a plugin file, made by latentfx or elsewhere.

    Args:
        path: an `.onnx` plugin, or a TorchScript file for nn~.
        trust: whether a TorchScript file may be opened, which is a program, and whether code outside the
            catalogue may run that the checkpoint names.
        checkpoint: the model that the file was written from; then file, TorchScript and torch are compared.
            Otherwise the comparison that the export made and stored counts.
        minutes: of audio that run through while memory is watched.
        sample_rate: Hz, for a TorchScript file that does not say its own.
        terms: of the checks; a model that makes its own phase is assumed.
        progress: called with the name of each check as it begins.
    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: damaged, hostile, no plugin, or TorchScript that is not trusted.
        CheckpointError: no checkpoint.
    """
    with torch_threads(1):
        how = _How(trust, checkpoint, minutes, sample_rate, terms or Terms(nonlinear=True), progress)
        return _validate(Path(path), how)


@dataclass(frozen=True)
class _How:
    """How a file is validated; see `validate`."""

    trust: bool
    checkpoint: str | os.PathLike[str] | None
    minutes: float
    sample_rate: int
    terms: Terms
    progress: Progress


def _validate(file: Path, how: _How) -> Validation:
    how.progress("opening the file")
    plugin, metadata = open_plugin_file(file, trust=how.trust, sample_rate=how.sample_rate)
    checks: list[Check] = []
    if isinstance(plugin, NnTildePlugin):
        checks.append(check_nn_tilde(plugin.module))
    how.progress("parity")
    checks += list(_parity(plugin, metadata, how.checkpoint, how.trust))
    checks += _contract(plugin, how, states_latency=bool(metadata.provenance))
    checks += stress_checks(plugin, how.terms, how.minutes, how.progress)
    runner = open_runner(file, trust=how.trust)
    how.progress("cost")
    timings = measure(runner, seconds=0.5)
    checks += [cost_check(timings, runner.step), stress.check_provenance(metadata.provenance)]
    kind = "nn~" if isinstance(plugin, NnTildePlugin) else "onnx"
    return Validation(str(file), kind, plugin.spec.name, tuple(checks), timings)


def _contract(plugin: Plugin, how: _How, states_latency: bool) -> list[Check]:
    """The contract, to its end; a latency that nobody stated is not measured where calls are not pure."""
    found = check_contract(plugin, how.terms, stop_where_impure=False, progress=how.progress).checks
    if states_latency or all(check.passed for check in found if check.name == "pure"):
        return list(found)
    return [check for check in found if check.name != "latency"]


def stress_checks(
    plugin: Plugin, terms: Terms, minutes: float, progress: Progress = in_silence
) -> tuple[Check, ...]:
    """The checks beyond the contract that do not depend on the machine.

    Args:
        plugin: a plugin file, opened.
        terms: of the checks.
        minutes: of audio that run through while memory is watched.
        progress: called with the name of each check as it begins.
    """
    checks = []
    with evaluating(plugin):
        memory = stress.check_memory(plugin, terms, minutes, stress.resident_mb, progress)
        for check in _STRESS:
            progress(name_of(check))
            checks.append(check(plugin, terms))
    return (*checks, memory)


def stored_parity(report: Mapping[str, Any]) -> dict[str, float]:
    """Engine -> difference from torch, as measured when a file was written; empty where nothing was."""
    engines = report.get("parity", {}).get("engines", ())
    return {str(entry["engine"]): float(entry["difference"]) for entry in engines}


def _parity(
    plugin: OnnxPlugin | NnTildePlugin,
    metadata: Metadata,
    checkpoint: str | os.PathLike[str] | None,
    trust: bool,
) -> list[Check]:
    if checkpoint is None:
        found = stored_parity(metadata.report)
        tolerance = float(metadata.report.get("parity", {}).get("tolerance", 1e-4))
    else:
        found, tolerance = _compare(plugin, Path(checkpoint), metadata, trust), 1e-4
    if not found:
        return []
    worst = max(found, key=lambda engine: found[engine])
    advice = f"{worst} does not sound like torch. Export the file again from its checkpoint"
    return [Check("parity", found[worst], tolerance, "difference", advice)]


def _compare(
    plugin: OnnxPlugin | NnTildePlugin, checkpoint: Path, metadata: Metadata, trust: bool
) -> dict[str, float]:
    """Compare a file with its checkpoint: engine -> difference."""
    from latentfx.errors import ContractError
    from latentfx.export.builders.builder import build_plugin
    from latentfx.export.nn_tilde.parity import verify_nn_tilde
    from latentfx.testing import verify_parity
    from latentfx.training.runs.checkpoint import load_checkpoint, method_of

    objective, card = load_checkpoint(checkpoint, trust=trust)
    spec = metadata.spec
    default = spec.blends[0].default if spec.blends else None
    try:
        torch_side, _ = build_plugin(objective, card, spec.name, default, method_of(checkpoint, card, trust))
        if isinstance(plugin, NnTildePlugin):
            report = verify_nn_tilde(torch_side, plugin.module, tolerance=float("inf"))
        else:
            report = verify_parity(torch_side, plugin.session, tolerance=float("inf"))
    except (ExportError, ContractError) as error:
        raise CheckpointError(f"{checkpoint} is not the model of {spec.name!r}: {error}") from None
    return {engine.engine: engine.difference for engine in report.engines}


def cost_check(timings: tuple[Timing, ...], step: int) -> Check:
    """The share of the deadline that half of the calls need, at the shortest buffer that holds a whole step.

    Args:
        timings: by the host's buffer.
        step: samples of the shortest call.
    """
    usual = next((timing for timing in timings if timing.buffer >= step), timings[-1])
    return Check(
        "cost",
        usual.p50_ms / usual.deadline_ms,
        MOST_OF_DEADLINE,
        f"of the deadline at {usual.buffer}",
        "A call takes too much of the time that its buffer lasts: the sound will break up. Make the model "
        "smaller, or its hop longer",
    )
