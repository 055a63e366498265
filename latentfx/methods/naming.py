"""A small classifier beside a decoder: it learns instruments from recordings, and judges what is decoded."""

import torch
from torch import Tensor, nn
from torch.func import functional_call

from latentfx.dsp.mel import mel_filters
from latentfx.methods.spectral import SpectralConfig

BANDS = 48
WIDTH = 96
FAINTEST = 1e-5


class SpectrumNamer(nn.Module):
    """Names the instrument of a few frames from their mel bands.

    Its weights learn from recordings alone: `judge` holds them still, so that only what made the frames can
    learn from being misheard.

    Args:
        spectral: axes of the frames.
        count: instruments.
    Shape:
        logmag [B, N, F] -> logits [B, count]
    """

    mel: Tensor

    def __init__(self, spectral: SpectralConfig, count: int) -> None:
        super().__init__()
        mel = mel_filters(spectral.sample_rate, spectral.n_fft, BANDS, minimum_hz=60.0, norm="none")
        self.register_buffer("mel", (mel / mel.sum(1, keepdim=True)).T.contiguous(), persistent=False)
        self.frame = nn.Sequential(nn.Linear(BANDS, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU())
        self.head = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, count))

    def forward(self, logmag: Tensor) -> Tensor:
        bands = torch.log(torch.matmul(torch.exp(2.0 * logmag), self.mel) + FAINTEST)
        logits: Tensor = self.head(self.frame(bands).mean(dim=1))
        return logits

    def learn(self, logmag: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy of recorded frames, for the weights of this module.

        Shape:
            logmag [B, N, F], label [B] (-1 for none) -> scalar, nats
        """
        return nn.functional.cross_entropy(self(logmag), label, ignore_index=-1)

    def judge(self, logmag: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy of decoded frames, for whatever decoded them.

        Shape:
            logmag [B, N, F], label [B] -> scalar, nats
        """
        weights = {name: weight.detach() for name, weight in self.named_parameters()}
        return nn.functional.cross_entropy(functional_call(self, weights, (logmag,)), label)
