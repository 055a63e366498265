"""White noise in frames: as it is, not as it is on average."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.noise import NOISE_POWER, NoiseSpectra
from latentfx.dsp.stft import StftAnalysis, StftSynthesis

N_FFT, HOP = 128, 32


def logmag(frames: int) -> Tensor:
    """[N, F], without the two real bins."""
    noise = NoiseSpectra(N_FFT, HOP)
    pairs, _ = noise(frames, noise.initial_state(1))
    return 0.5 * torch.log(pairs[0, :, :, 1:-1].square().sum(1))


def test_magnitudes_are_rayleighs_and_their_mean_log_is_0() -> None:
    x = logmag(4087)
    assert abs(float(x.mean())) < 0.01
    assert float(x.std()) == pytest.approx(math.pi / math.sqrt(24), abs=0.02)
    assert float((2 * x).exp().mean()) == pytest.approx(NOISE_POWER, rel=0.02)
    assert abs(float(x.flatten().quantile(0.9)) - 0.5 * (math.log(-math.log(0.1)) + 0.5772)) < 0.02


def test_frames_fit_each_other_so_that_the_sound_has_their_level() -> None:
    """The audio, analysed again, gives back the frames; frames drawn one by one would lose 6 dB."""
    noise, synthesis = NoiseSpectra(N_FFT, HOP), StftSynthesis.hann(N_FFT, HOP)
    pairs, _ = noise(300, noise.initial_state(1))
    audio, _ = synthesis.of_pairs(pairs[:, None], synthesis.initial_state(1))
    stft = StftAnalysis.hann(N_FFT, HOP)
    again, _, _ = stft(audio[..., 10 * HOP :], stft.initial_state(1))
    late = synthesis.latency // HOP
    frames = pairs[0, 20 - late : 300 - late, 0].T
    torch.testing.assert_close(again[0, 0, :, 10:], frames, atol=1e-3, rtol=1e-3)


def test_neighbouring_frames_and_bins_are_not_alike() -> None:
    x = logmag(1000)
    for lag in (4, 61, 67):
        pair = torch.stack([x[lag:].flatten(), x[:-lag].flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.35
    assert abs(float(torch.corrcoef(torch.stack([x[:, 3:].flatten(), x[:, :-3].flatten()]))[0, 1])) < 0.1


def test_any_split_gives_the_same_and_it_goes_round() -> None:
    noise = NoiseSpectra(N_FFT, HOP)
    whole, end = noise(50, noise.initial_state(2))
    state, pieces = noise.initial_state(2), []
    for size in (1, 7, 30, 12):
        piece, state = noise(size, state)
        pieces.append(piece)
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.equal(state["noise_count"], end["noise_count"])
    _, around = noise(61 * 67, noise.initial_state(1))
    assert float(around["noise_count"]) == 0.0
