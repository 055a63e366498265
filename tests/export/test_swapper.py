"""From a checkpoint to a plugin that swaps timbres, and to its file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tiny_swap import INSTRUMENTS, tiny_model

import latentfx
from latentfx.errors import CheckpointError, ContractError, ExportError
from latentfx.export import export_checkpoint, export_onnx
from latentfx.export.builders.builder import build_plugin
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.checks.opened import plugin_path
from latentfx.export.onnx import weight_names
from latentfx.export.rebuild import rebuild_plugin
from latentfx.methods.swapper.model import Swapper
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import verify_contract, verify_parity
from latentfx.testing.drive import run
from latentfx.training.runs.checkpoint import load_checkpoint

PROVENANCE = {"method": "none", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}


class Half(Plugin):
    """Half as loud."""

    def __init__(self) -> None:
        super().__init__(PluginSpec("half", 16_000, 64, 0))

    def initial_state(self, batch_size: int = 1) -> State:
        return {}

    def forward(
        self, audio: torch.Tensor, controls: torch.Tensor, state: State
    ) -> tuple[torch.Tensor, State]:
        return 0.5 * audio, state


def phrase(seconds: float = 1.0, f0_hz: float = 440.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Eight harmonics at 16 kHz."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    tone = sum(np.sin(2 * math.pi * k * f0_hz * time) / k for k in range(1, 9))
    return np.asarray(0.2 * tone, dtype=np.float32)


def test_a_swapper_keeps_the_contract_and_scripts(trained: Swapper) -> None:
    effect = build_swapper(trained, "tiny", "flute")
    assert (effect.spec.latency, effect.spec.block_size) == (512 // 4, 128)
    verify_contract(effect, nonlinear=True)
    verify_parity(effect)


def test_the_file_sounds_like_torch_and_holds_its_report(exported: tuple[Path, str], tiny_run: Path) -> None:
    path, _ = exported
    objective, card = load_checkpoint(tiny_run)
    plugin, provenance = build_plugin(objective, card, "tiny", "flute")
    verify_parity(plugin, path, torchscript=False)
    loaded = latentfx.load(path)
    assert loaded.report["contract"]["passed"] is True
    assert set(loaded.report["contract"]["checks"]) >= {"splits", "latency", "silence", "clicks", "recovery"}
    assert [engine["engine"] for engine in loaded.report["parity"]["engines"]] == ["torchscript", "onnx"]
    assert loaded.provenance["method"] == provenance["method"] == "swapper"
    assert "Jacobian term" in loaded.provenance["from_the_paper"]
    assert "comb filters compute the pitch code" in loaded.provenance["ours"]
    assert loaded.provenance["licence"] == "MIT"
    assert {name: space["dimensions"] for name, space in loaded.provenance["health"].items()} == {
        "v": objective.config.v_size,  # type: ignore[union-attr]
        "z": objective.config.z_size,  # type: ignore[union-attr]
    }
    assert loaded.provenance["data"]["instruments"] == list(INSTRUMENTS)


def test_the_file_plays_every_timbre_at_the_level_of_the_input(exported: tuple[Path, str]) -> None:
    plugin = latentfx.load(exported[0])
    audio = phrase()
    spectra = []
    for name in INSTRUMENTS:
        plugin.timbre = name
        out = plugin(audio, 16_000)
        steady = out[4000:12_000]
        level_db = 20 * math.log10(float(np.std(steady) / np.std(audio[4000:12_000])))
        assert abs(level_db) < 3.0
        spectra.append(np.log(np.abs(np.fft.rfft(steady * np.hanning(len(steady)))) + 1e-2))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert float(np.abs(spectra[first] - spectra[second]).mean()) > 0.05


def test_one_run_of_many_blocks_gives_what_many_runs_give(exported: tuple[Path, str]) -> None:
    plugin = latentfx.load(exported[0])
    plugin.timbre = "clarinet"
    audio = phrase()[: 40 * 128].reshape(1, 1, -1)
    single, several = plugin.blocks(), plugin.blocks()
    one_by_one = np.concatenate([single.step(block).copy() for block in np.split(audio, 40, axis=2)], axis=2)
    edges = np.cumsum([1, 2, 30]) * 128
    at_once = np.concatenate([several.step(part).copy() for part in np.split(audio, edges, axis=2)], axis=2)
    assert float(np.abs(one_by_one).max()) > 0.05
    np.testing.assert_allclose(at_once, one_by_one, atol=1e-5)


def test_the_timbre_that_it_starts_with_is_the_one_asked_for(trained: Swapper) -> None:
    for name in (*INSTRUMENTS, "input"):
        spec = build_swapper(trained, default=name).spec
        assert [c.name for c in spec.controls if c.name.startswith("timbre_") and c.default] == [
            f"timbre_{name}"
        ]
        assert spec.blends[0].default == name


def test_a_timbre_learnt_from_a_recording_is_that_of_the_recording(trained: Swapper) -> None:
    """The plugin's own estimate of its input, put in as a reference, plays like the input's own timbre."""
    effect = build_swapper(trained, default="input")
    audio = torch.from_numpy(phrase(2.0)[: 240 * 128])[None, None]
    own, state = run(effect, audio, effect.default_controls(1))
    start = effect.initial_state(1) | {"operator_reference": state["model_timbre"]}
    controls = effect.default_controls(1)
    controls[:, effect.spec.index("timbre_input")] = 0.0
    controls[:, effect.spec.index("timbre_reference")] = 1.0
    learnt, _ = run(effect, audio, controls, start)
    settled = audio.shape[-1] // 2
    window = torch.hann_window(audio.shape[-1] - settled)
    magnitude = [torch.fft.rfft(window * x[0, 0, settled:]).abs() for x in (own, learnt)]
    assert float((magnitude[0] - magnitude[1]).norm() / magnitude[0].norm()) < 0.05


def test_the_shipped_live_swapper_has_the_weights_of_the_other_and_a_latency_of_ten_milliseconds() -> None:
    swapper, live = latentfx.load("timbre-swap"), latentfx.load("timbre-swap-live")
    assert live.latency == live.sample_rate // 100 < swapper.latency
    plugin, _ = rebuild_plugin(plugin_path("timbre-swap"))
    weights, live_weights = (
        {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(plugin_path(name)).graph.initializer}
        for name in ("timbre-swap", "timbre-swap-live")
    )
    shared = set(weight_names(plugin).values()) & weights.keys()
    assert {f"plugin.{part}" for part in ("operator.timbres", "model.decoder.notes")} <= shared
    for name in shared:
        np.testing.assert_array_equal(weights[name], live_weights[name])
    assert live.report["contract"]["passed"] is True


def test_a_timbre_that_was_never_heard_is_refused() -> None:
    with pytest.raises(
        ExportError, match=r"knows no timbre of \['violin', 'flute', 'clarinet'\]: train stage 'pitch'"
    ):
        build_swapper(tiny_model())


def test_a_default_that_is_unknown_is_refused_and_nothing_is_written(tiny_run: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    target.write_bytes(b"old")
    with pytest.raises(
        ExportError, match="the default is 'tuba'; this checkpoint knows violin, flute, clarinet"
    ):
        export_checkpoint(tiny_run, target, default="tuba")
    assert target.read_bytes() == b"old"


def test_a_method_without_a_plugin_is_named(trained: Swapper) -> None:
    card = {"recipe": {"method": {"name": "ts-dsae"}}}
    with pytest.raises(ExportError, match=r"from \S+:TSDSAE; methods with a plugin: swapper"):
        build_plugin(trained, card, "x")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no weights\.safetensors"):
        export_checkpoint(tmp_path)


def test_a_report_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "x.onnx"
    target.write_bytes(b"old")

    def fail(session: onnxruntime.InferenceSession) -> Mapping[str, Any]:
        assert session.get_inputs()[0].name == "audio"
        raise ContractError("it hums")

    with pytest.raises(ContractError, match="it hums"):
        export_onnx(Half(), target, PROVENANCE, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"]
    assert target.read_bytes() == b"old"
