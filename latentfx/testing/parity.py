"""One plugin in three engines: eager torch, TorchScript, and onnxruntime over its plugin file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import onnxruntime
import torch
from torch import Tensor

from latentfx.errors import ContractError
from latentfx.host.graph import Graph
from latentfx.host.guard import read_plugin_bytes
from latentfx.host.session import Runs
from latentfx.plugin import Plugin, State
from latentfx.testing.drive import Terms, decibels, evaluating, phrase, random_controls, relative_gap

Step = Callable[[Tensor, Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class Agreement:
    """How far one engine is from eager torch.

    Args:
        engine: `torchscript` or `onnx`.
        difference: largest difference of two samples, relative to the block's peak where that is above 1.
        difference_db: the same re full scale.
        blocks: how many blocks were compared, each engine going on from its own state.
    """

    engine: str
    difference: float
    difference_db: float
    blocks: int


@dataclass(frozen=True)
class ParityReport:
    """Every engine that was compared.

    Args:
        plugin: its name.
        tolerance: the difference allowed.
        engines: one entry for each engine.
    """

    plugin: str
    tolerance: float
    engines: tuple[Agreement, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it, for `export_onnx(report=...)`."""
        return {"tolerance": self.tolerance, "engines": [asdict(engine) for engine in self.engines]}


def verify_parity(
    plugin: Plugin,
    file: str | os.PathLike[str] | onnxruntime.InferenceSession | None = None,
    *,
    torchscript: bool = True,
    blocks: int = 50,
    batch: int = 2,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> ParityReport:
    """Check that a plugin sounds the same in every engine, over many blocks and random controls.

    Args:
        plugin: the plugin, in torch.
        file: its plugin file, or a session that has opened it; without one, only TorchScript is compared.
        torchscript: whether to compare `torch.jit.script(plugin)`.
        blocks: how many blocks to run.
        batch: how many rows to run.
        tolerance: largest difference of two samples allowed; see `Agreement`.
        seed: of the signal and the control values.
    Raises:
        ContractError: an engine that differs by more, or a file with other inputs than the plugin.
        PluginFileError: a file that is damaged, hostile or no plugin, or a step of it that fails.
    """
    terms = Terms(tolerance=tolerance, seed=seed)
    with evaluating(plugin):
        steps: dict[str, Step] = {}
        if torchscript:
            steps["torchscript"] = _script(plugin)
        if file is not None:
            steps["onnx"] = _onnx(plugin, file)
        engines = tuple(_compare(plugin, name, step, blocks, batch, terms) for name, step in steps.items())
    report = ParityReport(plugin.spec.name, tolerance, engines)
    bad = [engine for engine in engines if not engine.difference <= tolerance]
    if bad:
        found = "; ".join(f"{e.engine} {e.difference:.3g} ({e.difference_db:.0f} dBFS)" for e in bad)
        raise ContractError(
            f"plugin {plugin.spec.name!r} differs from eager torch in {found}; allowed {tolerance:g}. "
            "Look for an operation near a jump (argmax, sign, round) or float64, or export the file "
            "again if the plugin is newer"
        )
    return report


def _compare(plugin: Plugin, engine: str, step: Step, blocks: int, batch: int, terms: Terms) -> Agreement:
    generator = terms.generator(20)
    size = plugin.spec.block_size
    audio = phrase(plugin, blocks, batch, generator)
    states = [plugin.initial_state(batch), plugin.initial_state(batch)]
    controls = plugin.default_controls(batch)
    worst = 0.0
    with torch.inference_mode():
        for index, chunk in enumerate(audio.split(size, -1)):
            if index % 5 == 4:
                controls = random_controls(plugin, batch, generator)
            eager, states[0] = plugin(chunk, controls, states[0])
            other, states[1] = step(chunk, controls, states[1])
            worst = max(worst, relative_gap(other, eager))
    return Agreement(engine, worst, decibels(worst), blocks)


def _script(plugin: Plugin) -> Step:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        try:
            scripted: Step = torch.jit.script(plugin)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise ContractError(
                f"plugin {plugin.spec.name!r} cannot be scripted: {error}. Keep to tensors, numbers, str, "
                "list and dict with annotations in forward and in everything that it calls"
            ) from error
    return scripted


def _onnx(plugin: Plugin, file: str | os.PathLike[str] | onnxruntime.InferenceSession) -> Step:
    """A step of a plugin file, which is checked as hosts do, or of a session.

    Raises:
        PluginFileError: the file is damaged, hostile or no plugin.
        ContractError: other inputs or outputs than the plugin's.
    """
    if isinstance(file, onnxruntime.InferenceSession):
        session = file
    else:
        session = Graph(read_plugin_bytes(file)).session
    names = list(plugin.initial_state(1))
    inputs = ["audio", "controls", *(f"state_{name}" for name in names)]
    outputs = ["audio_out", *(f"state_{name}_out" for name in names)]
    found = {port.name for port in session.get_inputs()}, {port.name for port in session.get_outputs()}
    if found != (set(inputs), set(outputs)):
        raise ContractError(
            f"the file has the inputs {sorted(found[0])} and the outputs {sorted(found[1])}; plugin "
            f"{plugin.spec.name!r} has {sorted(inputs)} and {sorted(outputs)}. Export the file again"
        )
    runs = Runs(session, plugin.spec.name)

    def step(audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        values = (audio, controls, *(state[name] for name in names))
        feed = {port: value.numpy() for port, value in zip(inputs, values, strict=True)}
        audio_out, *new = map(torch.from_numpy, runs.run(outputs, feed))
        return audio_out, dict(zip(names, new, strict=True))

    return step
