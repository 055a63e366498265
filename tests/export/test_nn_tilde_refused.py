"""What becomes a file for nn~ without latent methods, under another name, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from identity_effect import Identity, Lift, identity_effect
from torch import Tensor

from latentfx.control import Control
from latentfx.errors import ContractError, ExportError
from latentfx.export import export_checkpoint, export_nn_tilde
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.patches.file import write_patches
from latentfx.host.nn_tilde.model import open_module
from latentfx.methods.swapper.model import Swapper
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.stages import Factors, Features

PROVENANCE = {"method": "none", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}


class Scaled(Plugin):
    """Louder by a number that can be a whole one; no latent space."""

    def __init__(self, block_size: int = 64, name: str = "gain") -> None:
        controls = (Control(name, 1.0, 4.0, 2.0, curve="integer"),)
        super().__init__(PluginSpec("scaled", 16000, block_size, 0, controls=controls))

    def initial_state(self, batch_size: int = 1) -> State:
        return {}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio * controls[:, :1].unsqueeze(-1), state


def test_a_plugin_without_latent_space_state_or_blends(tmp_path: Path) -> None:
    plugin = Scaled()
    target = export_nn_tilde(plugin, tmp_path / "scaled.ts", PROVENANCE)
    module = open_module(target.read_bytes())
    verify_nn_tilde(plugin, module)
    assert module.get_methods() == ["forward", "info"]
    assert (module.set_gain(3), module.get_gain(), module.gain_params.tolist()) == (0, (3,), [1])
    assert torch.equal(module(torch.ones(1, 1, 512)), torch.full([1, 1, 512], 3.0))


class Flipped(Scaled):
    """Another sign in the file than in torch."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        sign = -1.0 if torch.jit.is_scripting() else 1.0
        return sign * audio * controls[:, :1].unsqueeze(-1), state


def test_a_file_that_sounds_otherwise_than_torch_is_refused(tmp_path: Path) -> None:
    plugin = Flipped()
    with pytest.raises(ContractError, match=r"differs from torch in nn~ .*; allowed 0\.0001"):
        export_nn_tilde(
            plugin, tmp_path / "bad.ts", PROVENANCE, lambda m: verify_nn_tilde(plugin, m).as_dict()
        )
    assert not list(tmp_path.iterdir())


class Unscriptable(Scaled):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        import json

        return audio * len(json.dumps([])), state


class TooNew(Scaled):
    """Uses an operator that came after libtorch 2.5.1, in a branch that is never taken."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        if audio.shape[-1] > 1 << 20:
            audio = torch.hash_tensor(audio).to(audio.dtype)
        return audio, state


class Pooled(Identity):
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        new: State = {}
        return {"level": features["logmag"].mean(-1)}, new

    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        new: State = {}
        return {"magnitude": features["logmag"].exp() + factors["level"].unsqueeze(-1) * 0.0}, new


class PooledLift(Lift):
    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        new: State = {}
        return {"level": factors["level"]}, new


REFUSED: list[tuple[Callable[[], Plugin], str, str]] = [
    (Scaled, "plugin.pt", r"ends in \.ts, not '\.pt'"),
    (Scaled, "ab.ts", "fewer than 3 letters"),
    (lambda: Scaled(96), "plugin.ts", "the block of 'scaled' has 96 samples; allowed powers of two"),
    (lambda: Scaled(8192), "plugin.ts", "has 8192 samples; .* up to 4096"),
    (lambda: Scaled(name="latency"), "plugin.ts", "latency of 'scaled' cannot be an attribute of nn~"),
    (lambda: Scaled(name="sr"), "plugin.ts", "sr of 'scaled' cannot be an attribute of nn~"),
    (Unscriptable, "plugin.ts", "'scaled' cannot be written for nn~, which runs TorchScript"),
    (TooNew, "plugin.ts", "uses aten::hash_tensor, which libtorch 2.5.1 inside nn~ does not have"),
    (
        lambda: identity_effect(model=Pooled(), operator=PooledLift()),
        "plugin.ts",
        r"'level' of 'identity' has the shape \(1, 129\) for 1 hops; a latent signal",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "name", "message"), REFUSED, ids=[row[2][:24] for row in REFUSED])
def test_what_nn_tilde_cannot_run_is_refused_with_the_reason(
    tmp_path: Path, make: Callable[[], Plugin], name: str, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        export_nn_tilde(make(), tmp_path / name, PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_a_latent_space_of_more_signals_than_a_patch_holds_gets_no_methods(tmp_path: Path) -> None:
    target = export_nn_tilde(identity_effect(n_fft=1024), tmp_path / "wide.ts", PROVENANCE)
    assert open_module(target.read_bytes()).get_methods() == ["forward", "info"]


class Mix(Lift):
    """An operator that is called as a standard control is."""


def test_a_control_called_as_a_method_is_gets_another_name(tmp_path: Path) -> None:
    effect = identity_effect(n_fft=64, hop=16, operator=Mix())
    file = export_nn_tilde(effect, tmp_path / "mixer.ts", PROVENANCE)
    module = open_module(file.read_bytes())
    verify_nn_tilde(effect, module)
    assert module.get_methods() == ["forward", "info", "encode", "decode", "mix"]
    assert "mix_amount" in module.get_attributes()
    assert "mix" not in module.get_attributes()
    for patch in write_patches(effect, file):
        assert "set mix_amount" in patch.read_text()
        assert "set mix " not in patch.read_text()


def test_a_finished_program_is_no_source(trained: Swapper, tmp_path: Path) -> None:
    path = export_nn_tilde(build_swapper(trained, "tiny", "flute"), tmp_path / "tiny.ts", PROVENANCE)
    with pytest.raises(ExportError, match="was written by latentfx: export the run"):
        export_checkpoint(path, tmp_path / "tiny.onnx")


def test_an_unknown_target_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing is exported to 'vst'; allowed: onnx, nn~, neutone"):
        export_checkpoint(tmp_path, to="vst")
