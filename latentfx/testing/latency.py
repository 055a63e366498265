"""Latency as it is heard: measured, never declared by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from latentfx.errors import ContractError
from latentfx.plugin import Plugin
from latentfx.testing.drive import blocks_for, run

_EXTRA_S = 0.25
_BURSTS = 6
_FLOOR = 1e-6


def measure_latency(
    plugin: Plugin, *, nonlinear: bool = False, controls: Tensor | None = None, seed: int = 0
) -> int:
    """Samples from the input to the output of a plugin. Use it to set `spec.latency` as well as to check it.

    A linear plugin is measured to the sample: white noise goes through it, and the peak of its impulse
    response (output spectrum over input spectrum) is the latency. A model that makes its own phase does
    not keep the waveform, so it is measured by the energy of short bursts, by the lag at which the
    envelopes of output and input correlate best; that is good to about half a block.

    Args:
        plugin: any plugin.
        nonlinear: measure by energy.
        controls: one row of control values; the defaults unless given.
        seed: of the noise.
    Shape:
        controls [1, P]
    Raises:
        ContractError: nothing came out.
    """
    spec = plugin.spec
    blocks = blocks_for(plugin, 0.5 + (spec.latency / spec.sample_rate) + 2 * _EXTRA_S)
    generator = torch.Generator().manual_seed(seed)
    noise = 0.25 * torch.randn(1, 1, blocks * spec.block_size, generator=generator)
    audio = _bursts(noise, spec.sample_rate, generator) if nonlinear else noise
    target = plugin.default_controls(1) if controls is None else controls
    out, _ = run(plugin, audio.repeat(1, spec.in_channels, 1), target)
    heard = out[0, int(out[0].square().sum(-1).argmax())].double()
    if not float(heard.abs().max()) > _FLOOR:
        raise ContractError(
            f"no latency can be measured: plugin {spec.name!r} gave silence for a noise burst. Measure it "
            "with controls that let sound through"
        )
    sent = audio[0, 0].double()
    response = _envelope_match(sent, heard, spec.sample_rate) if nonlinear else _impulse_response(sent, heard)
    return int(response[: len(sent) - int(_EXTRA_S * spec.sample_rate)].abs().argmax())


def _bursts(noise: Tensor, sample_rate: int, generator: torch.Generator) -> Tensor:
    """Cut bursts of 20 ms out of noise, at irregular times so that only one lag fits all of them."""
    gate = torch.zeros_like(noise)
    span = (noise.shape[-1] - int(_EXTRA_S * sample_rate)) // _BURSTS
    length = max(sample_rate // 50, 8)
    for index in range(_BURSTS):
        room = max(span - 2 * length, 1)
        start = index * span + int(torch.randint(room, (1,), generator=generator))
        gate[..., start : start + length] = torch.hann_window(length)
    return gate * noise


def _impulse_response(sent: Tensor, heard: Tensor) -> Tensor:
    """Regularised deconvolution.

    Shape:
        sent [T], heard [T] -> [T]
    """
    size = 2 * len(sent)
    spectrum = torch.fft.rfft(sent, size)
    power = spectrum.abs().square()
    ratio = torch.fft.rfft(heard, size) * spectrum.conj() / (power + 0.01 * power.mean())
    response: Tensor = torch.fft.irfft(ratio, size)
    return response[: len(sent)]


def _envelope_match(sent: Tensor, heard: Tensor, sample_rate: int) -> Tensor:
    """Cross-correlation of two energy envelopes, by lag.

    Shape:
        sent [T], heard [T] -> [T]
    """
    width = max(sample_rate // 400, 1) | 1
    kernel = torch.hann_window(width, periodic=False, dtype=sent.dtype).reshape(1, 1, -1)
    energy = torch.stack([sent, heard]).square().unsqueeze(1)
    envelopes = torch.nn.functional.conv1d(energy, kernel, padding=width // 2).squeeze(1).sqrt()
    centred = envelopes - envelopes.mean(-1, keepdim=True)
    spectra = torch.fft.rfft(centred, 2 * len(sent))
    match: Tensor = torch.fft.irfft(spectra[1] * spectra[0].conj(), 2 * len(sent))
    return match[: len(sent)].clamp_min(0.0)
