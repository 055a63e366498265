"""Partials and noise to audio."""

import torch
from torch import Tensor, nn

from latentfx.dsp.noise import NOISE_POWER, NoiseSpectra
from latentfx.dsp.oscillators import OscillatorBank
from latentfx.dsp.stft import StftSynthesis
from latentfx.dsp.windows import hann
from latentfx.methods.swapper.spectral import SILENCE, SpectralConfig
from latentfx.stages import Features, State, Synthesis

# Energy of a decoded frame's spectrum around a sine of magnitude 1, one-sided.
LOBE_ENERGY = 2.00435
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
        frame = config.frame_window
        share = float(window.square().sum() / frame.square().sum()) ** 0.5
        scaled = window * (float(frame.sum()) / 2.0 * share)
        self.noise = NoiseSpectra(length, config.hop_length, window=window)
        self.overlap_add = StftSynthesis(length, length, config.hop_length, window=scaled.float())
        self.latency = config.level_window // 2
        self.turns_per_bin = 1.0 / config.n_fft

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        state = self.oscillators.initial_state(batch_size)
        state.update(self.noise.initial_state(batch_size))
        state.update(self.overlap_add.initial_state(batch_size))
        return state

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        frequency = decoded["f0"][:, 0].double() * self.turns_per_bin
        tone, new_state = self.oscillators(decoded["partials"].transpose(1, 2), frequency, state)
        noise = decoded["noise"].transpose(1, 2).unsqueeze(2)
        white, count = self.noise(noise.shape[1], state)
        breath, tail = self.overlap_add.of_pairs((noise * white).unsqueeze(1), state)
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

    Undoes `latentfx.methods.swapper.spectral.log_magnitudes`. What is near the floor falls by 20 dB, not to
    0: a difference of near numbers would be rounding alone. Partials end before the Nyquist frequency.

    Args:
        bins: of a frame of n_fft samples.
        floor: what was added to the magnitudes before the logarithm.
    Shape:
        partials [B, N, K], noise [B, N, F] (F - 1 divides bins - 1), f0 [B, N, 1] in bins, level [B, N, 1]
        -> amplitudes [B, N, K], noise magnitudes [B, N, F]
    """
    # Both at once, with numbers of 0 for the noise, which the Nyquist frequency does not touch.
    whole = torch.exp(torch.cat([partials, noise], -1).clamp(max=12.0))
    count, bands = partials.shape[-1], noise.shape[-1]
    numbers = nn.functional.pad(torch.arange(1, count + 1, device=level.device), [0, bands])
    room = 1.0 / near_nyquist - f0.to(level.dtype) * (numbers / (float(bins - 1) * near_nyquist))
    magnitude = torch.maximum(whole - floor, whole * 0.1) * room.clamp(0.0, 1.0)
    share = float(bins - 1) / float(bands - 1)
    energy = torch.where(numbers > 0, lobe_energy, share * noise_power) / float(bins)
    power = torch.matmul(magnitude * magnitude, energy.unsqueeze(1))
    played = magnitude * (level / torch.sqrt(power).clamp(min=silence))
    return played[..., :count], played[..., count:]
