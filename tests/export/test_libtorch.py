"""Which files the libtorch inside nn~ can load; the verdicts were compared with torch 2.5.1 itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latentfx.export.nn_tilde.libtorch import known_operators, unknown_operators
from latentfx.host.nn_tilde.model import deprecations_allowed


class Spectrum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stft(x[0], 64, return_complex=True).abs()


class Interpolation(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=2.0)


class DeadBranch(nn.Module):
    """The operator is in a branch that is never taken, of a method that is not forward."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        if x.dim() > 99:
            x = torch.stft(x[0], 64, return_complex=True).abs()
        return x


class Usual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(8, 8, batch_first=True)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.rnn(x)
        spectrum = torch.fft.rfft(self.norm(y))
        return self.conv(torch.fft.irfft(spectrum, 8).transpose(1, 2))


def script(module: nn.Module, freeze: bool = False) -> torch.jit.ScriptModule:
    with deprecations_allowed():
        scripted: torch.jit.ScriptModule = torch.jit.script(module.eval())
        return torch.jit.freeze(scripted) if freeze else scripted


@pytest.mark.parametrize(
    ("module", "unknown"),
    [
        (Spectrum(), ["aten::stft with other arguments"]),
        (Interpolation(), ["aten::_upsample_lanczos2d_aa.vec"]),
        (DeadBranch(), ["aten::stft with other arguments"]),
        (Usual(), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_that_libtorch_cannot_load_is_named(module: nn.Module, unknown: list[str]) -> None:
    assert unknown_operators(script(module)) == unknown


def test_freezing_cures_what_is_only_in_dead_branches() -> None:
    assert unknown_operators(script(Interpolation(), freeze=True)) == []
    assert unknown_operators(script(Spectrum(), freeze=True)) == []


def test_the_list_is_that_of_libtorch() -> None:
    assert len(known_operators()) > 4000
    assert known_operators()["aten::add.Tensor"] == (
        "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor"
    )
