"""Oscillators in step: the pitch and the level asked for, without a click, in any split."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.oscillators import OscillatorBank, spread_phases

RATE, HOP, PARTIALS = 48_000, 256, 20


def play(amplitude: Tensor, f0_hz: Tensor) -> Tensor:
    """Shape: amplitude [N, K], f0_hz [N] -> [N * hop]."""
    bank = OscillatorBank(amplitude.shape[1], HOP)
    audio, _ = bank(amplitude[None], f0_hz[None].double() / RATE, bank.initial_state(1))
    return audio[0, 0]


def test_a_steady_tone_is_its_own_fourier_series() -> None:
    frames, amplitude = 300, torch.rand(PARTIALS, generator=torch.Generator().manual_seed(0))
    audio = play(amplitude.expand(frames, -1), torch.full((frames,), 220.0)).double()
    time = torch.arange(1, frames * HOP + 1, dtype=torch.float64)
    few = math.ceil(math.sqrt(PARTIALS))
    near, far = spread_phases(few, PARTIALS // few).split([few, PARTIALS // few])
    wanted = sum(
        float(a)
        * torch.cos(2 * math.pi * (k * 220.0 / RATE * time + near[(k - 1) % few] - far[(k - 1) // few]))
        for k, a in enumerate(amplitude, 1)
    )
    torch.testing.assert_close(audio[HOP:], wanted[HOP:], atol=3e-4, rtol=0)


def test_the_pitch_goes_in_straight_lines() -> None:
    f0 = torch.linspace(200.0, 400.0, 60)
    audio = play(torch.ones(60, 1), f0).double()
    spectrum = torch.fft.fft(audio)
    spectrum[len(audio) // 2 :] = 0.0
    phase = torch.fft.ifft(spectrum).angle().diff()
    heard = torch.remainder(phase + math.pi, 2 * math.pi) - math.pi
    hz = heard[20 * HOP : 40 * HOP] * RATE / (2 * math.pi)
    index = torch.arange(20 * HOP, 40 * HOP).double() / HOP
    wanted = 200.0 + (index - 0.5) * float(f0[1] - f0[0])
    assert float((hz - wanted).abs().max()) < 3.0


def test_amplitudes_go_from_silence_in_straight_lines() -> None:
    audio = play(torch.ones(4, 1), torch.full((4,), 1000.0))
    times = torch.arange(HOP)
    assert float((audio[:HOP].abs() - (times + 1) / HOP).max()) <= 1e-6
    assert float(audio[HOP:].abs().max()) == pytest.approx(1.0, abs=1e-3)


def test_any_split_gives_the_same() -> None:
    generator = torch.Generator().manual_seed(1)
    bank = OscillatorBank(PARTIALS, HOP)
    amplitude = torch.rand(2, 64, PARTIALS, generator=generator)
    frequency = (100 + 900 * torch.rand(2, 64, generator=generator)).double() / RATE
    whole, end = bank(amplitude, frequency, bank.initial_state(2))
    state, pieces = bank.initial_state(2), []
    for piece in torch.arange(64).split([1, 2, 30, 7, 24]):
        audio, state = bank(amplitude[:, piece], frequency[:, piece], state)
        pieces.append(audio)
    torch.testing.assert_close(torch.cat(pieces, -1), whole, atol=1e-5, rtol=0)
    for name, value in end.items():
        torch.testing.assert_close(state[name], value, atol=1e-7, rtol=0)


@pytest.mark.parametrize("fall", [0.0, 0.5, 1.0])
def test_the_peak_of_many_partials_stays_near_their_level(fall: float) -> None:
    """In phase, 64 equal partials have a peak 21 dB above their level."""
    amplitude = (torch.arange(1.0, 65.0) ** -fall).expand(200, -1)
    audio = play(amplitude, torch.full((200,), 234.0))[HOP:]
    crest_db = 20 * math.log10(float(audio.abs().max() / audio.square().mean().sqrt()))
    assert crest_db < 9.0


def test_a_jump_of_the_pitch_is_made_at_once_and_without_a_click() -> None:
    """Between two notes no other frequency is heard, and the wave goes on where it was."""
    f0 = torch.cat([torch.full((30,), 440.0), torch.full((30,), 660.0)])
    audio = play(torch.ones(60, 1), f0).double()
    spectrum = torch.fft.fft(audio)
    spectrum[len(audio) // 2 :] = 0.0
    phase = torch.fft.ifft(spectrum).angle().diff()
    hz = (torch.remainder(phase + math.pi, 2 * math.pi) - math.pi) * RATE / (2 * math.pi)
    middle = 30 * HOP + HOP // 2
    around = hz[middle - 3 * HOP : middle + 3 * HOP]
    between = (around > 460.0) & (around < 640.0)
    assert int(between.sum()) < HOP // 4
    assert float(audio.diff().abs().max()) < 1.01 * 2 * math.pi * 660.0 / RATE
