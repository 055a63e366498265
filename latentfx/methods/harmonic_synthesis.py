"""Partials and noise to audio."""

import torch
from torch import Tensor

from latentfx.dsp.noise import NOISE_POWER, NoiseSpectra
from latentfx.dsp.oscillators import OscillatorBank
from latentfx.dsp.stft import StftSynthesis
from latentfx.dsp.windows import hann
from latentfx.methods.spectral import SILENCE, SpectralConfig
from latentfx.stages import Features, State, Synthesis

# Energy of a Hann frame's spectrum around a sine of magnitude 1, one-sided.
LOBE_ENERGY = 1.5
NEAR_NYQUIST = 0.04


class HarmonicSynthesis(Synthesis):
    """Partials by oscillators, noise by noise that is shaped in short frames.

    Both are at the end of a hop what its frame says: the latency is what lies between that moment and the
    middle of the frame in which the level was measured.

    Args:
        config: frames.
        partials: of them.
    Shape:
        partials [B, K, N], noise [B, hop + 1, N], f0 [B, 1, N] in FFT bins of the frames, double
        -> audio [B, 1, N * hop]
    """

    def __init__(self, config: SpectralConfig, partials: int) -> None:
        super().__init__()
        self.oscillators = OscillatorBank(partials, config.hop_length)
        length = 2 * config.hop_length
        window = hann(length).sqrt()
        self.noise = NoiseSpectra(length, config.hop_length, window=window)
        self.overlap_add = StftSynthesis(length, length, config.hop_length, window=window.float())
        self.latency = config.level_window // 2
        self.turns_per_bin = 1.0 / config.n_fft
        frame = hann(config.n_fft)
        share = float(window.square().sum() / frame.square().sum()) ** 0.5
        self.noise_scale = float(frame.sum()) / 2.0 * share

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        state = self.oscillators.initial_state(batch_size)
        state.update(self.noise.initial_state(batch_size))
        state.update(self.overlap_add.initial_state(batch_size))
        return state

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        frequency = decoded["f0"][:, 0].double() * self.turns_per_bin
        tone, new_state = self.oscillators(decoded["partials"].transpose(1, 2), frequency, state)
        noise = decoded["noise"] * self.noise_scale
        re, im, count = self.noise(noise.shape[-1], state)
        breath, tail = self.overlap_add((noise * re).unsqueeze(1), (noise * im).unsqueeze(1), state)
        new_state.update(count)
        new_state.update(tail)
        return tone + breath, new_state


def played_levels(
    partials: Tensor,
    noise: Tensor,
    f0: Tensor,
    level: Tensor,
    bins: int,
    floor: float,
    silence: float = SILENCE,
    noise_power: float = NOISE_POWER,
    lobe_energy: float = LOBE_ENERGY,
    near_nyquist: float = NEAR_NYQUIST,
) -> tuple[Tensor, Tensor]:
    """Amplitudes that have this level together, from log-magnitudes of any scale.

    Undoes `latentfx.methods.spectral.log_magnitudes`. What is near the floor falls by 20 dB, not to 0: a
    difference of near numbers would be rounding alone. Partials end before the Nyquist frequency.

    Args:
        bins: of a frame of n_fft samples.
        floor: what was added to the magnitudes before the logarithm.
    Shape:
        partials [B, N, K], noise [B, N, F] (F - 1 divides bins - 1), f0 [B, N, 1] in bins, level [B, N, 1]
        -> amplitudes [B, N, K], noise magnitudes [B, N, F]
    """
    numbers = torch.arange(1, partials.shape[-1] + 1, device=partials.device)
    room = (1.0 - f0.to(partials.dtype) * numbers / float(bins - 1)) / near_nyquist
    amplitude = _without_floor(partials, floor) * room.clamp(0.0, 1.0)
    noise = _without_floor(noise, floor)
    share = float(bins - 1) / float(noise.shape[-1] - 1)
    power = lobe_energy * (amplitude * amplitude).sum(-1, keepdim=True)
    power = (power + share * noise_power * (noise * noise).sum(-1, keepdim=True)) / float(bins)
    gain = level / torch.sqrt(power).clamp(min=silence)
    return amplitude * gain, noise * gain


def _without_floor(logmag: Tensor, floor: float) -> Tensor:
    whole = torch.exp(logmag.clamp(max=12.0))
    return torch.maximum(whole - floor, whole * 0.1)
