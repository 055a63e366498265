"""A plugin inside a file for nn~, in a host that runs at another rate."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.dsp.delay import Delay
from latentfx.errors import ExportError
from latentfx.export import export_checkpoint, export_nn_tilde
from latentfx.export.nn_tilde.host_rate import AtHostRate
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.host.nn_tilde.model import open_module
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import verify_contract

PROVENANCE = {"method": "none", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}


class Late(Plugin):
    """The input, some samples later."""

    def __init__(self, block: int = 256, latency: int = 300) -> None:
        super().__init__(PluginSpec("late", 48_000, block, latency))
        self.delay = Delay(1, latency, "late_")

    def initial_state(self, batch_size: int = 1) -> State:
        return self.delay.initial_state(batch_size)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return self.delay(audio, state)


def through(plugin: Plugin, sound: NDArray[np.float64], size: int = 256) -> NDArray[np.float64]:
    audio, state, parts = torch.tensor(sound).float()[None, None], plugin.initial_state(1), []
    for block in audio[..., : len(sound) // size * size].split(size, -1):
        out, state = plugin(block, torch.zeros(1, 0), state)
        parts.append(out)
    return torch.cat(parts, -1)[0, 0].double().numpy()


def noise(rate: int, length: int) -> NDArray[np.float64]:
    """Noise below 18 kHz, or below 0.4 of the rate."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(length))
    spectrum[np.fft.rfftfreq(length, 1 / rate) > min(18_000, 0.4 * rate)] = 0
    return 0.1 * np.asarray(np.fft.irfft(spectrum, length))


@pytest.mark.parametrize("rate", [44_100, 96_000, 22_050])
def test_resampling_is_80_db_from_offline_resampling_after_the_latency_told(rate: int) -> None:
    plugin, sound = AtHostRate(Late(), rate), noise(rate, rate)
    out = through(plugin, sound)[plugin.spec.latency :]
    offline = soxr.resample(soxr.resample(sound, rate, 48_000, "VHQ"), 48_000, rate, "VHQ")
    inner = slice(2000, len(out) - 2000)
    error = np.square(out[inner] - offline[inner]).mean() / np.square(sound).mean()
    assert 10 * math.log10(error) < -80


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_pitch_is_exact_to_a_cent(rate: int) -> None:
    plugin = AtHostRate(Late(), rate)
    out = through(plugin, np.sin(2 * np.pi * 440 * np.arange(rate) / rate))[plugin.spec.latency + 2000 :]
    phase = np.unwrap(np.angle(np.fft.ifft(np.fft.fft(out) * (np.fft.fftfreq(len(out)) > 0))))[2000:-2000]
    hertz = (phase[-1] - phase[0]) / (len(phase) - 1) * rate / (2 * np.pi)
    assert abs(1200 * math.log2(hertz / 440)) < 1


@pytest.mark.parametrize("block", [64, 512])
def test_the_contract_is_kept_at_the_rate_of_the_host(block: int) -> None:
    verify_contract(AtHostRate(Late(block), 44_100))


def test_the_file_for_nn_tilde_says_and_keeps_the_rate_of_the_host(tmp_path: Path) -> None:
    plugin = AtHostRate(Late(), 44_100)
    file = export_nn_tilde(plugin, tmp_path / "late.ts", PROVENANCE)
    module = open_module(file.read_bytes())
    verify_nn_tilde(plugin, module)
    assert (module.get_sample_rate(), module.get_latency()) == ((44_100,), (plugin.spec.latency,))


def test_a_rate_that_no_host_has_is_refused() -> None:
    with pytest.raises(ExportError, match="the host rate is 44101; allowed 22050, 32000, 44100"):
        AtHostRate(Late(), 44_101)


def test_a_host_rate_without_nn_tilde_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a host rate is for nn~ and m4l, not for onnx"):
        export_checkpoint("timbre-swap", tmp_path / "a.onnx", host_rate=44_100)
