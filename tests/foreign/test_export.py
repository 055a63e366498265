"""A file for nn~ becomes a plugin file of ours where its graph allows; else one line says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy_rave import RATE, ToyRave, toy_file, write_model

from latentfx.arrays import Float32
from latentfx.errors import ExportError, PluginFileError
from latentfx.export import export_checkpoint
from latentfx.library import describe, load


def largest_gap(a: Float32, b: Float32) -> float:
    return float(np.abs(a - b).max())


@pytest.fixture(scope="module")
def written(toy_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onnx") / "toy.onnx"
    exported = export_checkpoint(toy_path, target, trust=True)
    (onnx,) = exported.report["parity"]["engines"]
    assert onnx["difference"] < 1e-4
    return exported.path


def test_the_plugin_file_sounds_like_the_model_and_needs_no_trust(
    written: Path, toy_path: Path, notes: Float32
) -> None:
    plugin, model = load(written), load(toy_path, trust=True)
    assert plugin.spec.latency == model.spec.latency
    assert largest_gap(plugin(notes, RATE), model(notes, RATE)) < 1e-5
    stereo = np.stack([notes, 0.3 * notes[::-1]])
    assert largest_gap(plugin(stereo, RATE), model(stereo, RATE)) < 1e-5


def test_offsets_and_scales_of_the_code_go_into_the_file(
    written: Path, toy_path: Path, notes: Float32
) -> None:
    plugin, model = load(written), load(toy_path, trust=True)
    turned = {"latent_1_offset": 1.5, "latent_2_scale": 0.5}
    plain = plugin(notes, RATE)
    plugin.set(**turned)
    model.set(**turned)
    assert largest_gap(plugin(notes, RATE), plain) > 1e-3
    assert largest_gap(plugin(notes, RATE), model(notes, RATE)) < 1e-5


def test_state_in_buffers_has_names_in_the_file_and_attributes_are_told(written: Path) -> None:
    found = describe(written)
    assert {"held_pqmf_pad", "held_pqmf_tail"} <= found.state.keys()
    assert all(name.startswith(("held_", "ramp_")) for name in found.state)
    assert found.provenance["attributes"]["gain"] == [1.0]
    assert {control.name for control in found.spec.controls} == {
        f"latent_{at}_{kind}" for at in range(4) for kind in ("offset", "scale")
    }


class Small(nn.Module):
    """A model with one method."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))


class DecidesByTheSound(Small):
    def forward(self, audio: Tensor) -> Tensor:
        if bool(audio.abs().max() > 10.0):
            return audio * 0.5
        return audio


class Counts(Small):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, audio: Tensor) -> Tensor:
        self.calls += 1
        return audio


class LevelsEachCall(Small):
    def forward(self, audio: Tensor) -> Tensor:
        return audio - audio.mean(-1, keepdim=True)


class KeepsOneRow(Small):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("last", torch.zeros(1))

    def forward(self, audio: Tensor) -> Tensor:
        out = audio + self.last
        self.last = audio[0, 0, -1:]
        return out


REASONS = {
    DecidesByTheSound: "decides by the sound what it computes",
    Counts: "the model changes 'calls', which is no tensor but int",
    LevelsEachCall: "its calls depend on their length",
    KeepsOneRow: r"the state 'last' is float32 \[1\]; needed is float32 with a row for each channel first",
}


@pytest.mark.parametrize("kind", REASONS, ids=lambda kind: kind.__name__)
def test_a_model_that_no_plugin_file_can_hold_is_refused_with_the_reason(
    kind: type[nn.Module], tmp_path: Path
) -> None:
    path = write_model(tmp_path / "model.ts", kind())
    with pytest.raises(ExportError, match=REASONS[kind]) as told:
        export_checkpoint(path, tmp_path / "model.onnx", trust=True)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "model.onnx").exists()


def test_a_model_that_draws_at_random_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = toy_file(tmp_path / "noise.ts", lambda: ToyRave(noise=0.1))
    with pytest.raises(ExportError, match="the model draws random numbers"):
        export_checkpoint(path, tmp_path / "noise.onnx", trust=True)


def test_a_file_is_opened_on_trust_alone_and_becomes_onnx_alone(toy_path: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginFileError, match=r"is TorchScript: a program .* Add --trust"):
        export_checkpoint(toy_path, tmp_path / "toy.onnx")
    with pytest.raises(ExportError, match="becomes onnx alone, not neutone"):
        export_checkpoint(toy_path, to="neutone", trust=True)
