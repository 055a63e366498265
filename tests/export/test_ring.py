"""A ring between the networks of the shipped swapper: nothing turned is the swapper itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import latentfx
from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export import export_nn_tilde
from latentfx.export.builders.ring import build_ring
from latentfx.export.checks.opened import plugin_path
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.rebuild import rebuild_plugin
from latentfx.host.nn_tilde.model import open_module
from latentfx.methods.oplas.ring.model import PitchRing, PitchRingConfig
from latentfx.plugin import Plugin
from latentfx.testing import verify_parity
from latentfx.testing.drive import phrase


@pytest.fixture(scope="module")
def ring() -> LatentEffect:
    plugin, _ = rebuild_plugin(plugin_path("ring"))
    assert isinstance(plugin, LatentEffect)
    return plugin


def played(plugin: Plugin, audio: Tensor, **controls: float) -> Tensor:
    row = [controls.get(control.name, control.default) for control in plugin.spec.controls]
    with torch.inference_mode():
        out, _ = plugin(audio, torch.tensor([row]), plugin.initial_state(1))
    return out


def test_no_turn_is_the_swapper_with_the_inputs_own_timbre(ring: LatentEffect) -> None:
    swapper, _ = rebuild_plugin(plugin_path("timbre-swap"))
    audio = phrase(ring, 100, 1, torch.Generator().manual_seed(1))
    own = {f"timbre_{name}": 0.0 for name in ("violin", "trumpet", "flute")} | {"timbre_input": 1.0}
    torch.testing.assert_close(played(ring, audio), played(swapper, audio, **own), atol=1e-4, rtol=0)
    assert not torch.allclose(played(ring, audio, steps=5.0), played(ring, audio), atol=1e-2)


def test_it_runs_in_torchscript_as_in_torch(ring: LatentEffect) -> None:
    verify_parity(ring)


def test_a_choice_at_start_is_refused() -> None:
    with pytest.raises(ExportError, match="a ring has none"):
        build_ring(PitchRing(PitchRingConfig()), default="flute")


@pytest.mark.parametrize("name", latentfx.plugins())
def test_a_shipped_plugin_comes_back_from_its_file_as_it_sounds(name: str) -> None:
    """`rebuild_plugin` measures the model that it builds against the file's own graph."""
    plugin, provenance = rebuild_plugin(plugin_path(name))
    assert plugin.spec.name == name
    assert provenance["licence"]


def test_in_nn_tilde_the_ring_is_a_method_on_latent_signals(ring: LatentEffect, tmp_path: Path) -> None:
    facts = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}
    path = export_nn_tilde(
        ring, tmp_path / "ring.ts", facts, lambda module: verify_nn_tilde(ring, module).as_dict()
    )
    module = open_module(path.read_bytes())
    assert module.get_methods() == ["forward", "info", "encode", "decode", "rotate"]
    codes = module.encode(phrase(ring, 50, 1, torch.Generator().manual_seed(1)))
    still = module.rotate(codes)
    module.set_steps(5.0)
    turned = module.rotate(codes)
    moved = (turned - codes).abs().amax(dim=(0, 2)) > 0.05
    assert moved.any()
    assert moved.sum() <= 32, "the pitch code turns, the timbre and the level stay"
    torch.testing.assert_close(still, codes, atol=1e-5, rtol=0)
