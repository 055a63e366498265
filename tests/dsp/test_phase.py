from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.dsp.phase import PhaseGradientPropagation, propagate_phase
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.errors import ShapeError

# n_fft, hop, dB that the vibrato tone and the violin must reach.
RESOLUTIONS = [(1024, 256, -28.0, -22.0), (1024, 128, -30.0, -25.0), (2048, 512, -24.0, -21.0)]


def magnitudes(audio: Tensor, n_fft: int, hop: int) -> Tensor:
    analysis = StftAnalysis.hann(n_fft, hop)
    re, im, _ = analysis(audio[..., : audio.shape[-1] // hop * hop], analysis.initial_state())
    return torch.hypot(re, im)[:, 0]


def resynthesise(re: Tensor, im: Tensor, n_fft: int, hop: int) -> Tensor:
    """Audio in step with the frames' input."""
    synthesis = StftSynthesis.hann(n_fft, hop)
    audio, state = synthesis(re[:, None], im[:, None], synthesis.initial_state())
    return torch.cat([audio, state["synthesis_tail"]], -1)[..., synthesis.latency :]


def convergence_db(magnitude: Tensor, re: Tensor, im: Tensor, n_fft: int, hop: int) -> float:
    """How far the magnitudes of the audio are from those it was made of."""
    found = magnitudes(resynthesise(re, im, n_fft, hop), n_fft, hop)
    whole = slice(0, magnitude.shape[-1] - n_fft // hop)
    return float(20 * torch.log10((found - magnitude)[..., whole].norm() / magnitude[..., whole].norm()))


def random_phase(magnitude: Tensor) -> tuple[Tensor, Tensor]:
    angle = torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(0)) * 2 * math.pi
    return magnitude * angle.cos(), magnitude * angle.sin()


@pytest.mark.parametrize(("n_fft", "hop", "goal_db", "_"), RESOLUTIONS)
def test_a_vibrato_tone_keeps_its_magnitudes(
    tone: Tensor, n_fft: int, hop: int, goal_db: float, _: float
) -> None:
    magnitude = magnitudes(tone, n_fft, hop)
    ours = convergence_db(magnitude, *propagate_phase(magnitude, hop), n_fft, hop)
    random = convergence_db(magnitude, *random_phase(magnitude), n_fft, hop)
    assert ours < goal_db
    assert ours < random - 15.0


@pytest.mark.parametrize(("n_fft", "hop", "_", "goal_db"), RESOLUTIONS)
def test_a_real_violin_keeps_its_magnitudes(
    bowed: Tensor, n_fft: int, hop: int, _: float, goal_db: float
) -> None:
    magnitude = magnitudes(bowed, n_fft, hop)
    assert convergence_db(magnitude, *propagate_phase(magnitude, hop), n_fft, hop) < goal_db


@pytest.mark.parametrize("f0_hz", [93.75, 440.0, 1234.5])
def test_a_steady_sine_stays_a_sine_of_its_frequency(f0_hz: float) -> None:
    time = torch.arange(48_000, dtype=torch.float64) / 48_000
    sine = torch.sin(2 * math.pi * f0_hz * time).float()[None, None]
    magnitude = magnitudes(sine, 1024, 256)
    audio = resynthesise(*propagate_phase(magnitude, 256), 1024, 256)[0, 0, 12_000:36_000].double()
    spectrum = torch.fft.rfft(audio * torch.hann_window(24_000, dtype=torch.float64), 24_000 * 16).abs()
    assert float(spectrum.argmax()) / 8 == pytest.approx(f0_hz, abs=1.0)
    assert audio.abs().max() == pytest.approx(1.0, abs=0.05)


def test_phase_adds_up_over_forty_thousand_frames() -> None:
    """A tone between two bins: its phase stays within half a turn, and its step loses no digits."""
    module = PhaseGradientPropagation(1024, 256)
    time = torch.arange(8192, dtype=torch.float64) / 48_000
    magnitude = magnitudes(torch.sin(2 * math.pi * 1010.0 * time).float()[None, None], 1024, 256)[..., -1:]
    _, _, state = module(magnitude.repeat(1, 1, 4), module.initial_state())
    first = state["phase_turns"]
    for _ in range(40):
        _, _, state = module(magnitude.repeat(1, 1, 1000), state)
    assert state["phase_turns"].abs().max() <= 0.5
    # The peak advances by a constant each frame: 40,000 frames of it, in double, tell where it must be.
    _, _, after = module(magnitude, state)
    peak = int(magnitude[0, :, 0].argmax())
    level = magnitude[0, :, 0].double().log()
    gamma = 0.25645 * 1024**2
    slope = 256 * 1024 / (2 * gamma) * float(level[peak + 1] - level[peak - 1]) / (2 * math.pi)
    step = peak * 256 / 1024 + slope
    moved = float(state["phase_turns"][0, 0, peak] - first[0, 0, peak]) - 40_000 * step
    assert abs(moved - round(moved)) < 5e-3
    again = float(after["phase_turns"][0, 0, peak] - state["phase_turns"][0, 0, peak]) - step
    assert abs(again - round(again)) < 1e-6


def test_a_tone_on_a_bin_never_drifts() -> None:
    module = PhaseGradientPropagation(256, 64)
    magnitude = torch.full((1, 129, 1), 1e-5)
    magnitude[0, 19:22, 0] = torch.tensor([0.5, 1.0, 0.5])
    _, _, state = module(magnitude.repeat(1, 1, 8), module.initial_state())
    _, _, later = module(magnitude.repeat(1, 1, 20_000), state)
    torch.testing.assert_close(
        later["phase_turns"][0, 0, 20], state["phase_turns"][0, 0, 20], atol=1e-6, rtol=0
    )


def test_magnitudes_are_untouched_and_any_split_gives_the_same(tone: Tensor) -> None:
    magnitude = magnitudes(tone[..., :48_000], 1024, 256)
    module = PhaseGradientPropagation(1024, 256)
    re, im, end = module(magnitude, module.initial_state())
    torch.testing.assert_close(torch.hypot(re, im), magnitude, atol=1e-5, rtol=1e-5)
    state, pieces = module.initial_state(), []
    for piece in magnitude.split([1, 2, 60, 1, magnitude.shape[-1] - 64], -1):
        piece_re, piece_im, state = module(piece, state)
        pieces.append(torch.complex(piece_re, piece_im))
    torch.testing.assert_close(torch.cat(pieces, -1), torch.complex(re, im), atol=1e-4, rtol=0)
    torch.testing.assert_close(end["phase_log_magnitude"], state["phase_log_magnitude"])


def test_silence_noise_and_steps_stay_finite() -> None:
    noise = torch.rand(1, 513, 8, generator=torch.Generator().manual_seed(3))
    course = [
        torch.zeros(1, 513, 8),
        noise * 1e4,
        torch.zeros(1, 513, 4),
        torch.ones(1, 513, 4),
        noise * 1e-20,
    ]
    re, im = propagate_phase(torch.cat(course, -1), 256)
    assert bool(torch.isfinite(re).all())
    assert bool(torch.isfinite(im).all())
    assert re[..., :8].abs().max() == 0.0


def test_batch_rows_are_independent(tone: Tensor) -> None:
    magnitude = magnitudes(tone[..., :24_000], 1024, 256)
    both = torch.cat([magnitude, magnitude.flip(1)])
    alone, together = propagate_phase(magnitude, 256), propagate_phase(both, 256)
    torch.testing.assert_close(together[0][:1], alone[0], atol=1e-5, rtol=0)


def test_each_bin_follows_the_peak_of_its_region() -> None:
    level = torch.tensor([3.0, 1.0, 0.0, 2.0, 5.0, 2.0, 2.0, 4.0, 4.0])
    peaks = PhaseGradientPropagation(16, 4)._peaks(level[None, None])[0, 0]
    assert peaks.tolist() == [0, 0, 4, 4, 4, 4, 7, 7, 7]


@pytest.mark.parametrize("hop", [0, 513])
def test_hops_that_leave_gaps_are_refused(hop: int) -> None:
    with pytest.raises(ShapeError, match=f"hop is {hop}; allowed 1 to half of n_fft"):
        PhaseGradientPropagation(1024, hop)
