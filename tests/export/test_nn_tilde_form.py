"""What nn~ trips over, found before a host does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from identity_effect import identity_effect
from torch import Tensor, nn

from latentfx.export import export_nn_tilde
from latentfx.export.nn_tilde.form import check_nn_tilde
from latentfx.host.nn_tilde.model import deprecations_allowed, open_module

PROVENANCE = {"method": "identity", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}


def script(module: nn.Module) -> torch.jit.ScriptModule:
    with deprecations_allowed():
        scripted: torch.jit.ScriptModule = torch.jit.script(module.eval())
    return scripted


class Port(nn.Module):
    """A smallest file for nn~, with one thing wrong."""

    def __init__(self, forward: list[int], info: list[int]) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor(forward))
        self.register_buffer("info_params", torch.tensor(info))

    def forward(self, audio: Tensor) -> Tensor:
        return audio

    @torch.jit.export
    def info(self, audio: Tensor) -> Tensor:
        return audio


class Doubled(Port):
    def forward(self, audio: Tensor) -> Tensor:
        return audio.double()


class OneRow(Port):
    def forward(self, audio: Tensor) -> Tensor:
        assert audio.shape[0] == 1, "one row only"
        return audio


class Knob(Port):
    def __init__(self) -> None:
        super().__init__([1, 1, 1, 1], [1, 512, 1, 512])
        self.register_buffer("gain_params", torch.tensor([2]))

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return ["gain", "lost"]

    @torch.jit.export
    def get_gain(self) -> tuple[float]:
        return (1.0,)

    @torch.jit.export
    def set_gain(self, value: float) -> None:
        pass


GOOD = [1, 512, 1, 512]
FAULTY: list[tuple[Callable[[], nn.Module], str]] = [
    (lambda: Port([1, 1, 1, 1], [1, 256, 1, 256]), "the largest ratio is 256"),
    (lambda: Port([1, 1, 1, 1], [1, 768, 1, 768]), "the ratio 768; allowed powers of two"),
    (lambda: Port([1, 1, 2, 1], GOOD), r"method forward gives torch.float32\(2, 1, 4096\)"),
    (lambda: Doubled([1, 1, 1, 1], GOOD), "method forward gives torch.float64"),
    (lambda: OneRow([1, 1, 1, 1], GOOD), "method forward fails for 2 rows: .*one row only"),
    (Knob, "set_gain gives None; nn~ wants 0 .*attribute lost has no lost_params"),
    (lambda: nn.Identity(), "there is no method forward"),
]


@pytest.mark.parametrize(("make", "message"), FAULTY, ids=[row[1][:20] for row in FAULTY])
def test_what_nn_tilde_trips_over_is_named(make: Callable[[], nn.Module], message: str) -> None:
    found = check_nn_tilde(script(make()))
    assert not found.passed
    assert re.search(message, found.advice), found.advice


def test_a_good_port_has_no_fault(tmp_path: Path) -> None:
    assert check_nn_tilde(script(Port([1, 1, 1, 1], GOOD))).passed
    path = export_nn_tilde(identity_effect(), tmp_path / "identity.ts", PROVENANCE)
    assert check_nn_tilde(open_module(path.read_bytes())).passed
