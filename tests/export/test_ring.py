"""A ring between the networks of the shipped swapper: nothing turned is the swapper itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.opened import plugin_path
from latentfx.export.rebuild import rebuild_plugin
from latentfx.export.ring import build_ring
from latentfx.methods.pitch_ring import PitchRing, PitchRingConfig
from latentfx.plugin import Plugin
from latentfx.testing import verify_parity
from latentfx.testing.drive import phrase


@pytest.fixture(scope="module")
def ring() -> LatentEffect:
    torch.manual_seed(0)
    return build_ring(PitchRing(PitchRingConfig()))


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
