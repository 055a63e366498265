"""Validation: a good file passes every check, and each check has a broken model that it alone must catch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from identity_effect import identity_effect
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.errors import CheckpointError, ContractError, PluginFileError
from latentfx.export import export_nn_tilde, export_onnx
from latentfx.export.checks import stress
from latentfx.export.checks.opened import open_plugin_file, plugin_path
from latentfx.export.checks.timing import Timing
from latentfx.export.checks.validation import cost_check, stress_checks, validate
from latentfx.host.nn_tilde.facts import read_own_metadata
from latentfx.host.nn_tilde.model import deprecations_allowed
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import Check, ContractReport, Terms
from latentfx.testing.drive import phrase, random_controls, run

PROVENANCE = {"method": "identity", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}
TERMS = Terms(nonlinear=True)
RATE, BLOCK = 16_000, 64


class Wire(Plugin):
    """Gives back what comes in; a subclass breaks one thing."""

    def __init__(self, controls: tuple[Control, ...] = ()) -> None:
        super().__init__(PluginSpec("wire", RATE, BLOCK, 0, controls=controls))

    def initial_state(self, batch_size: int = 1) -> State:
        return {"held": torch.zeros(batch_size, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio, state


class LooksAtTheCall(Wire):
    """Normalises by the loudest sample of the call."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio / audio.abs().amax(-1, keepdim=True).clamp(min=1e-3), state


class Remembers(Wire):
    """Keeps the level outside the state."""

    def __init__(self) -> None:
        super().__init__()
        self.level = 0.0

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        self.level += float(audio.abs().mean())
        return audio * (1.0 + self.level), state


class Resonates(Wire):
    """Feeds back what is loud, without a bound."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        loud = (audio.abs() > 0.9).float().mean(-1)
        gain = (state["held"] + 2.0 * loud).clamp(max=1e4)
        return audio * (1.0 + gain.unsqueeze(-1)), {"held": gain}


class Sums(Wire):
    """Integrates: a constant grows for ever."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        total = audio[:, 0].cumsum(-1) / RATE * 8.0 + state["held"]
        return total.unsqueeze(1), {"held": total[:, -1:]}


class Levels(Wire):
    """Divides by a slow level: after silence, what comes is far too loud."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        level = 0.9 * state["held"] + 0.1 * audio.abs().mean(-1)
        gain = 0.1 / state["held"].clamp(min=1e-4)
        return audio * gain.unsqueeze(-1).clamp(max=100.0), {"held": level}


class Swings(Wire):
    """Adds the speed of its knob to its gain."""

    def __init__(self) -> None:
        super().__init__((Control("tone", 0.0, 1.0, 0.5),))

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        speed = (controls[:, :1] - state["held"]).abs()
        return audio * (1.0 + 2000.0 * speed * (state["held"] > 0.0)).unsqueeze(-1), {"held": controls[:, :1]}


class Leaks(Wire):
    """Keeps all that it ever heard."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Tensor] = []

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        self.heard.append(audio.repeat(1, 1, 64))
        return audio, state


def memory(plugin: Plugin, terms: Terms) -> Check:
    return stress.check_memory(plugin, terms, 2.0, stress.resident_mb)


BROKEN: list[tuple[Callable[[Plugin, Terms], Check], Callable[[], Plugin]]] = [
    (stress.check_hops, LooksAtTheCall),
    (stress.check_reset, Remembers),
    (stress.check_square, Resonates),
    (stress.check_dc, Sums),
    (stress.check_jumps, Levels),
    (stress.check_sweeps, Swings),
    (memory, Leaks),
]


@pytest.mark.parametrize(("check", "broken"), BROKEN, ids=lambda value: value.__name__)
def test_each_check_passes_a_wire_and_catches_a_broken_model(
    check: Callable[[Plugin, Terms], Check], broken: Callable[[], Plugin]
) -> None:
    good, bad = check(Wire((Control("tone", 0.0, 1.0, 0.5),)), TERMS), check(broken(), TERMS)
    assert good.passed, str(good)
    assert not bad.passed, str(bad)
    assert bad.advice


def test_an_infinite_output_is_caught_and_can_be_written_down() -> None:
    class Divides(Wire):
        def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
            return audio / (audio.abs() < 0.9), state

    found = stress.check_square(Divides(), TERMS)
    assert found.measured == math.inf
    assert not found.passed


def test_provenance_that_nobody_knows_is_missing() -> None:
    assert stress.check_provenance(PROVENANCE).passed
    found = stress.check_provenance({**PROVENANCE, "licence": "not stated", "date": ""})
    assert (found.measured, found.passed) == (2, False)
    assert "does not say its licence, date" in found.advice


def test_cost_is_judged_at_the_shortest_buffer_that_holds_a_step() -> None:
    timings = tuple(Timing(size, 6.0, 7.0, 8.0, size / 48.0, 1.0, 100) for size in (64, 256, 1024))
    assert cost_check(timings, 512).measured == pytest.approx(6.0 / (1024 / 48.0))
    assert cost_check(timings, 512).passed
    assert not cost_check(timings, 256).passed


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One plugin in both forms."""
    folder, effect = tmp_path_factory.mktemp("files"), identity_effect()
    report = {"parity": {"tolerance": 1e-4, "engines": [{"engine": "onnx", "difference": 1e-6}]}}
    return {
        "onnx": export_onnx(effect, folder / "identity.onnx", PROVENANCE, report),
        "nn~": export_nn_tilde(effect, folder / "identity.ts", PROVENANCE, report),
    }


@pytest.mark.parametrize("kind", ["onnx", "nn~"])
def test_a_good_file_passes_in_either_form(files: dict[str, Path], kind: str) -> None:
    found = validate(files[kind], trust=True, minutes=0.02, terms=TERMS)
    assert [str(check) for check in found.checks if not check.passed and check.name != "cost"] == []
    names = [check.name for check in found.checks]
    assert len(set(names)) == len(names)
    wanted = {"parity", "splits", "latency", "finite", "silence", "clicks", "hops", "reset", "square", "dc"}
    assert wanted | {"jumps", "sweeps", "memory", "cost", "provenance"} <= set(names)
    assert (found.kind, "nn~" in names) == (kind, kind == "nn~")
    assert [timing.buffer for timing in found.timings] == [64, 128, 256, 512, 1024, 2048]


def test_a_file_that_is_changed_after_its_report_is_caught_by_what_it_does(
    plugin_file: Callable[[str], Path],
) -> None:
    """The delay lets NaN through, and says nothing of parity."""
    found = validate(plugin_file("delay"), minutes=0.02)
    failed = {check.name for check in found.checks if not check.passed}
    assert "finite" in failed
    assert not found.passed
    assert "parity" not in {check.name for check in found.checks}
    assert "latentfx.dsp.finite" in found.as_dict()["advice"]["finite"]


def test_parity_that_was_bad_at_export_fails(plugin_file: Callable[..., Path]) -> None:
    def worsen(model: onnx.ModelProto) -> None:
        raw = json.loads(model.metadata_props[0].value)
        raw["report"] = {"parity": {"tolerance": 1e-4, "engines": [{"engine": "onnx", "difference": 1e-2}]}}
        model.metadata_props[0].value = json.dumps(raw)

    checks = {check.name: check for check in validate(plugin_file("gain", worsen), minutes=0.02).checks}
    assert not checks["parity"].passed
    assert "onnx does not sound like torch" in checks["parity"].advice


def test_a_checkpoint_of_another_model_is_refused(files: dict[str, Path], tiny_run: Path) -> None:
    with pytest.raises(CheckpointError, match="is not the model of 'identity'"):
        validate(files["onnx"], checkpoint=tiny_run, minutes=0.02)


def test_torchscript_is_opened_on_trust_alone(files: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(PluginFileError, match=r"is TorchScript: a program .* Add --trust"):
        validate(files["nn~"])
    junk = tmp_path / "junk.ts"
    junk.write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(PluginFileError, match="torch cannot open"):
        validate(junk, trust=True)
    with pytest.raises(PluginFileError, match="no TorchScript file"):
        read_own_metadata(junk.read_bytes())


def test_the_file_is_the_plugin(files: dict[str, Path]) -> None:
    """Run through either file, the plugin gives what it gives in torch, each row with controls of its own."""
    effect = identity_effect()
    generator = torch.Generator().manual_seed(3)
    audio, controls = phrase(effect, 32, 2, generator), random_controls(effect, 2, generator)
    expected, _ = run(effect, audio, controls)
    for path in files.values():
        plugin, metadata = open_plugin_file(path, trust=True)
        assert metadata.spec == plugin.spec == effect.spec
        for split in (None, [1] * 32):
            found, _ = run(plugin, audio, controls, None, split)
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_stress_at_export_stops_the_export() -> None:
    with pytest.raises(ContractError, match="square: "):
        ContractReport("wire", stress_checks(Resonates(), TERMS, 0.01)).require()


class Foreign(nn.Module):
    """A file of another program: an autoencoder of 2048 samples to a frame, a delay inside."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))
        self.register_buffer("encode_params", torch.tensor([1, 1, 2, 2048]))
        self.register_buffer("line", torch.zeros(1, 1, 300))
        self.sr = 48_000

    def forward(self, audio: Tensor) -> Tensor:
        clean = torch.nan_to_num(audio, 0.0, 0.0, 0.0)
        queue = torch.cat([self.line.repeat(audio.shape[0] - self.line.shape[0] + 1, 1, 1), clean], -1)
        self.line = queue[:1, :, -300:]
        return queue[..., : audio.shape[-1]]

    @torch.jit.export
    def encode(self, audio: Tensor) -> Tensor:
        return audio.reshape(audio.shape[0], 1, -1, 2048).mean(-1).repeat(1, 2, 1)


def save(module: nn.Module, path: Path) -> None:
    with deprecations_allowed():
        torch.jit.save(torch.jit.script(module.eval()), str(path))


def test_a_file_made_elsewhere_is_judged_as_far_as_the_checks_apply(tmp_path: Path) -> None:
    path = tmp_path / "foreign.ts"
    save(Foreign(), path)
    found = validate(path, trust=True, minutes=0.02)
    checks = {check.name: check for check in found.checks}
    assert checks["nn~"].passed, str(checks["nn~"])
    for name in ("splits", "reset", "finite", "latency", "hops"):
        assert checks[name].passed, str(checks[name])
    assert checks["provenance"].measured == 4
    plugin, _ = open_plugin_file(path, trust=True)
    assert (plugin.spec.sample_rate, plugin.spec.block_size) == (48_000, 2048)
    assert abs(plugin.spec.latency - 300) < 128


class WritesInPlace(Foreign):
    """Keeps its state as RAVE does: it copies into its own buffers."""

    def forward(self, audio: Tensor) -> Tensor:
        queue = torch.cat([self.line.repeat(audio.shape[0], 1, 1)[: audio.shape[0]], audio], -1)
        self.line.copy_(queue[:1, :, -300:])
        return queue[..., : audio.shape[-1]]


class AddsNoise(Foreign):
    def forward(self, audio: Tensor) -> Tensor:
        return audio + 0.1 * torch.rand_like(audio)


def test_state_that_is_written_in_place_is_the_models_own(tmp_path: Path) -> None:
    path = tmp_path / "in-place.ts"
    save(WritesInPlace(), path)
    checks = {check.name: check for check in validate(path, trust=True, minutes=0.02).checks}
    for name in ("inputs_unchanged", "pure", "splits", "latency"):
        assert checks[name].passed, str(checks[name])


def test_a_model_with_noise_of_its_own_is_told_and_measured_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "noise.ts"
    save(AddsNoise(), path)
    checks = {check.name: check for check in validate(path, trust=True, minutes=0.02).checks}
    assert not checks["pure"].passed
    assert "call no random function" in checks["pure"].advice
    assert not checks["silence"].passed
    assert "latency" not in checks


def test_a_shipped_plugin_is_found_by_its_name() -> None:
    path = plugin_path("timbre-swap")
    assert (path.name, path.is_file()) == ("timbre-swap.onnx", True)
    assert plugin_path("mine.onnx") == Path("mine.onnx")


def test_a_module_that_is_not_for_nn_tilde_is_named(tmp_path: Path) -> None:
    path = tmp_path / "linear.ts"
    save(nn.Linear(3, 3), path)
    with pytest.raises(PluginFileError, match="is not for nn~: none of its methods"):
        validate(path, trust=True)
