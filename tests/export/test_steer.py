"""`operator = "steer"` in a recipe makes a plugin of any model that can stream, without a builder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_swap import quiet

import latentfx
from latentfx.effect import LatentEffect
from latentfx.errors import ExportError, RecipeError
from latentfx.export import export_checkpoint, export_nn_tilde
from latentfx.export.builders.builder import build_plugin
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.rebuild import rebuild_plugin
from latentfx.host.nn_tilde.model import open_module
from latentfx.methods.syntone.model import SynTone, SynToneConfig
from latentfx.testing import verify_contract, verify_parity
from latentfx.testing.drive import phrase
from latentfx.training import catalogue
from latentfx.training.recipes.config import load_recipe
from latentfx.training.runs.checkpoint import load_checkpoint, save_checkpoint
from latentfx.training.runs.start import train

NAMES = ["reed", "", "breath"]
KNOBS = (
    "data.instruments=[]",
    'data.parts=[{ kind = "waveforms", frequencies = 6, amplitudes = 1, highest_hz = 1000, seconds = 0.3 }]',
    "method.spectral.sample_rate=16000",
    "method.spectral.n_fft=1024",
    "method.spectral.analysis_length=1024",
    "method.spectral.analysis_fall=256",
    "method.spectral.level_length=512",
    "method.spectral.hop_length=64",
    "method.spectral.n_pitch=336",
    "method.partials=24",
    "method.hidden=[16]",
    "method.z_size=3",
    'method.designated=["pitch", "level"]',
    'plugin.names=["pitch", "level"]',
    'plugin.evidence=["moves the pitch alone"]',
    "train.batch_size=8",
    "train.stages.train.steps=40",
    "train.validate_every=20",
)


@pytest.fixture(scope="module")
def checkpoint(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny swapper, as a recipe with `operator = "steer"` trains it."""
    objective, card = load_checkpoint(tiny_run)
    folder = tmp_path_factory.mktemp("steer") / "best-level"
    plugin = {"operator": "steer", "names": NAMES}
    save_checkpoint(folder, objective, {**card, "recipe": {**card["recipe"], "plugin": plugin}})
    return folder


@pytest.fixture(scope="module")
def file(checkpoint: Path) -> Path:
    return export_checkpoint(checkpoint, checkpoint.parent / "knobs.onnx", minutes=0.05).path


def built(checkpoint: Path, **plugin: Any) -> LatentEffect:
    objective, card = load_checkpoint(checkpoint)
    recipe = {**card["recipe"], "plugin": {"operator": "steer", **plugin}}
    made, _ = build_plugin(objective, {**card, "recipe": recipe}, "knobs", None, catalogue.of_recipe(recipe))
    assert isinstance(made, LatentEffect)
    return made


def test_a_checkpoint_becomes_a_file_whose_knobs_are_dimensions(file: Path) -> None:
    plugin = latentfx.load(file)
    names = [control.name for control in plugin.spec.controls]
    assert names[:4] == ["v0_reed_sd", "v1_sd", "v2_breath_sd", "v3_sd"]
    assert names[4:9] == ["v0_reed_scale", "v1_scale", "v2_breath_scale", "v3_scale", "freeze"]
    audio = phrase(built(file.parent / "best-level"), 60, 1, torch.Generator().manual_seed(1))[0].numpy()
    still = plugin(audio, plugin.sample_rate)
    plugin.v1_sd = 3.0
    assert abs(plugin(audio, plugin.sample_rate) - still).max() > 0.01


def test_a_file_gives_back_the_model_and_what_was_measured_of_its_code(file: Path) -> None:
    plugin, provenance = rebuild_plugin(file)
    _, card = load_checkpoint(file.parent / "best-level")
    assert isinstance(plugin, LatentEffect)
    held = plugin.operator.state_dict()
    assert held["mean"][:, 0].tolist() == pytest.approx(card["codes"]["v"]["mean"], abs=1e-6)
    assert held["deviation"][:, 0].tolist() == pytest.approx(card["codes"]["v"]["deviation"], abs=1e-6)
    assert provenance["recipe"] == "timbre-swap-tones"


def test_a_steered_model_keeps_the_contract(checkpoint: Path) -> None:
    verify_contract(built(checkpoint, factor="z", dimensions=[0, 3, 5]), nonlinear=True)


def test_in_nn_tilde_it_encodes_decodes_and_steers(checkpoint: Path, tmp_path: Path) -> None:
    effect = built(checkpoint)
    facts = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}
    path = export_nn_tilde(
        effect, tmp_path / "knobs.ts", facts, lambda m: verify_nn_tilde(effect, m).as_dict()
    )
    module = open_module(path.read_bytes())
    assert module.get_methods() == ["forward", "info", "encode", "decode", "steer"]
    codes = module.encode(phrase(effect, 32, 1, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(module.steer(codes), codes, atol=1e-5, rtol=0)
    module.set_v1_sd(2.0)
    moved = (module.steer(codes) - codes).abs().amax(dim=(0, 2)) > 1e-3
    assert moved.sum() == 1


def test_a_model_of_frames_becomes_a_plugin_of_knobs_that_keeps_the_contract(tmp_path: Path) -> None:
    train(load_recipe("latent-knobs", KNOBS), tmp_path / "run", device="cpu", threads=1, reporter=quiet())
    objective, card = load_checkpoint(tmp_path / "run")
    method = catalogue.of_recipe(card["recipe"])
    plugin, provenance = build_plugin(objective, card, "latent-knobs", None, method)
    assert isinstance(plugin, LatentEffect)
    assert [control.name for control in plugin.spec.controls][:3] == ["z0_pitch_sd", "z1_level_sd", "z2_sd"]
    assert plugin.spec.controls[0].description == "pushes dimension 0 of z: moves the pitch alone"
    assert provenance["dimensions"] == {"0": "moves the pitch alone"}
    assert plugin.spec.latency == 256
    verify_contract(plugin, nonlinear=True)
    verify_parity(plugin)
    assert provenance["method"] == "frame-vae"


@pytest.mark.parametrize(
    ("plugin", "message"),
    [({"factor": "q"}, "no factor 'q'; it has z, v, loudness"), ({"colour": 1}, r"settings of \[plugin\]")],
)
def test_settings_that_do_not_fit_the_model_are_named(
    checkpoint: Path, plugin: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        built(checkpoint, **plugin)


def test_a_checkpoint_without_statistics_of_its_code_is_refused(checkpoint: Path) -> None:
    objective, card = load_checkpoint(checkpoint)
    with pytest.raises(ExportError, match="does not hold mean and deviation of the code 'v'"):
        build_plugin(objective, {**card, "codes": {}}, "knobs", None, catalogue.of_recipe(card["recipe"]))


def test_a_model_that_cannot_stream_is_told_what_it_lacks() -> None:
    recipe = {"method": {"name": "syntone"}, "plugin": {"operator": "steer"}}
    with pytest.raises(ExportError, match=r"SynTone cannot stream.*stream_parts"):
        build_plugin(SynTone(SynToneConfig()), {"recipe": recipe}, "knobs", None, catalogue.of_recipe(recipe))


@pytest.mark.parametrize("plugin", [{"operator": "stir"}, {"operator": "steer", "builder": "own.py:build"}])
def test_a_recipe_names_one_operator_that_exists_or_one_builder(plugin: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="a builder alone, or an operator alone: steer"):
        catalogue.of_recipe({"method": {"name": "swapper"}, "plugin": plugin}, trust=True)
