"""Log-mel spectra as published models of notes see them, and the way back to audio."""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentfx.dsp.mel import InverseMel, mel_filters
from latentfx.errors import ShapeError

PUBLISHED_EPS = 2.220446049250313e-16
UPDATES = 100
ROUNDS = 32


@dataclass(frozen=True)
class LogMelConfig:
    """Frames and bands.

    Args:
        sample_rate: Hz.
        n_fft: samples of a Hann frame; frames are centred, the ends of the audio are reflected.
        hop_length: samples from frame to frame.
        n_mels: bands, on HTK's mel scale up to half the sample rate, each of height 1.
        log_eps: added to the power before the logarithm. The published value (the default) puts digital
            silence at -36, where it outweighs all music: where clips have digital silence, take what stands
            for the noise of a room (0.05 is 67 dB below a sine of amplitude 1).
    """

    sample_rate: int = 16_000
    n_fft: int = 2048
    hop_length: int = 256
    n_mels: int = 80
    log_eps: float = PUBLISHED_EPS

    def __post_init__(self) -> None:
        if not 0.0 < self.log_eps < 1.0:
            raise ShapeError(f"log_eps is {self.log_eps:g}; allowed more than 0, below 1 (0.05 for example)")


class LogMel(nn.Module):
    """Audio to log(power in mel bands + log_eps), and back.

    Shape:
        [B, T] -> [B, 1 + T // hop_length, n_mels]
    Source: Luo, Ewert, Dixon, "Towards robust unsupervised disentanglement of sequential data" (2022).
    """

    window: Tensor
    filters: Tensor

    def __init__(self, config: LogMelConfig) -> None:
        super().__init__()
        self.config = config
        filters = mel_filters(config.sample_rate, config.n_fft, config.n_mels, scale="htk", norm="none")
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        config = self.config
        if audio.shape[-1] <= config.n_fft // 2:
            raise ShapeError(
                f"audio of {audio.shape[-1]} samples; allowed more than half a frame ({config.n_fft // 2})"
            )
        spectrum = torch.stft(audio, config.n_fft, config.hop_length, window=self.window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log(torch.matmul(self.filters, power) + config.log_eps).transpose(1, 2)

    @torch.no_grad()
    def audio(self, log_mel: Tensor) -> NDArray[np.float32]:
        """Sound that has about these spectra: bands spread over bins, phases by Griffin and Lim.

        Shape:
            [N, n_mels] -> [(N - 1) * hop_length]
        Source: Griffin & Lim 1984; with momentum, Perraudin, Balazs, Soendergaard 2013.
        """
        config = self.config
        power = torch.exp(log_mel.clamp(max=20.0)).sub(config.log_eps).clamp(min=0.0)
        magnitude = InverseMel(self.filters, UPDATES)(power.T).sqrt().numpy()
        found = librosa.griffinlim(
            magnitude, n_iter=ROUNDS, hop_length=config.hop_length, n_fft=config.n_fft, random_state=0
        )
        return np.asarray(found, dtype=np.float32)
