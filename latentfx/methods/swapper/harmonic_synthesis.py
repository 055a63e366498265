"""Partials and noise to audio."""

import torch
from torch import Tensor, nn

from latentfx.dsp.loudness import k_weight
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


class PlayedLevels(nn.Module):
    """Amplitudes that are as loud as a level together, from log-magnitudes of any scale.

    Undoes `latentfx.methods.swapper.spectral.log_magnitudes`. What is near the floor falls by 20 dB, not to
    0: a difference of near numbers would be rounding alone. Partials end before the Nyquist frequency.
    Frequencies count as they do in integrated loudness, so that every timbre is as loud as its source.

    Args:
        config: frames.
        floor: what was added to the magnitudes before the logarithm; that of the frames unless given.
        weighted: whether the level is a weighted one; else all frequencies count alike.
    Shape:
        partials [B, N, K], noise [B, N, hop + 1], f0 [B, N, 1] in bins, level [B, N, 1], clear [B, N, 1], by
        which partials are scaled -> amplitudes [B, N, K], noise magnitudes [B, N, hop + 1]
    """

    noise_energy: Tensor

    def __init__(self, config: SpectralConfig, floor: float | None = None, weighted: bool = True) -> None:
        super().__init__()
        self.weighted = weighted
        self.floor = config.floor if floor is None else floor
        self.silence = SILENCE
        self.hz, self.top = config.sample_rate / config.n_fft, 1.0 / NEAR_NYQUIST
        self.per_bin = self.top / float(config.bins - 1)
        self.tone_energy = LOBE_ENERGY / float(config.bins)
        # One value stands for the bins about it.
        bands = config.hop_length + 1
        weight = k_weight(torch.linspace(0.0, config.sample_rate / 2.0, bands, dtype=torch.float64))
        weight = weight if weighted else torch.ones_like(weight)
        energy = weight * (float(config.bins - 1) / float(bands - 1) * NOISE_POWER / float(config.bins))
        self.register_buffer("noise_energy", energy.float().unsqueeze(1), persistent=False)

    def forward(
        self, partials: Tensor, noise: Tensor, f0: Tensor, level: Tensor, clear: Tensor
    ) -> tuple[Tensor, Tensor]:
        both = torch.exp(torch.cat([partials, noise], -1).clamp(max=12.0))
        both = torch.maximum(both - self.floor, both * 0.1)
        tone, breath = both.split([partials.shape[-1], noise.shape[-1]], -1)
        position = f0.to(level.dtype) * torch.arange(1, tone.shape[-1] + 1, device=level.device)
        tone = tone * ((self.top - position * self.per_bin).clamp(0.0, 1.0) * clear)
        energy = tone * tone
        if self.weighted:
            energy = energy * k_weight(position * self.hz)
        power = energy.sum(-1, keepdim=True) * self.tone_energy
        power = power + torch.matmul(breath * breath, self.noise_energy)
        scale = level / torch.sqrt(power).clamp(min=self.silence)
        return tone * scale, breath * scale
