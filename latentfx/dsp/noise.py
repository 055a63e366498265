"""White noise as a stream of spectra: the same in every engine and for every split of the audio."""

import math

import torch
from torch import Tensor, nn

from latentfx.dsp.stft import StftAnalysis
from latentfx.dsp.windows import hann

__all__ = ["NOISE_POWER", "NoiseSpectra"]

_LENGTHS = (61, 67)
_SEED = 7
# Mean square of complex Gaussian magnitudes whose logs have the mean 0: e to the power of Euler's constant.
NOISE_POWER = math.exp(0.5772156649015329)


class NoiseSpectra(nn.Module):
    """Spectra of white noise, frame after frame, for a `StftSynthesis` with the same window or its dual.

    The mean over time of the log of a magnitude is 0: a model of log-magnitudes learns the mean of a noise,
    and that mean times these spectra is the noise again. Frames overlap as those of a recording do, so that
    no level is lost. The noise is the sum of two loops whose lengths in frames share no factor, and begins
    again after 61 * 67 frames; a counter is the whole state.

    Args:
        n_fft: length of the window and of its FFT.
        hop: samples from frame to frame.
        window: of the frames; a Hann window unless given.
        prefix: begins the name of this module's state.
    """

    table: Tensor
    lengths: Tensor
    starts: Tensor

    def __init__(self, n_fft: int, hop: int, window: Tensor | None = None, prefix: str = "noise_") -> None:
        super().__init__()
        window = hann(n_fft) if window is None else window
        generator = torch.Generator().manual_seed(_SEED)
        loops = [_loop_spectra(length, window, hop, generator) for length in _LENGTHS]
        self.register_buffer("table", torch.cat(loops).flatten(1), persistent=False)
        self.register_buffer("lengths", torch.tensor(_LENGTHS, dtype=torch.float32), persistent=False)
        self.register_buffer("starts", torch.tensor([0, _LENGTHS[0]]), persistent=False)
        self.period = float(math.prod(_LENGTHS))
        self.key = prefix + "count"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """The first frame.

        Shape:
            count [B, 1]
        """
        return {self.key: torch.zeros([batch_size, 1], device=self.table.device)}

    def forward(self, frames: int, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The next frames, for `StftSynthesis.of_pairs`.

        Shape:
            -> real and imaginary parts [B, N, 2, F], state; F = n_fft / 2 + 1
        """
        ahead = torch.arange(frames + 1, device=self.table.device, dtype=torch.float32)
        # No count is negative, so fmod is the remainder; as a node of a graph it is one, not four.
        count = torch.fmod(state[self.key] + ahead, self.period)
        index = torch.fmod(count[:, :-1].unsqueeze(-1), self.lengths).long() + self.starts
        noise = nn.functional.embedding(index, self.table).sum(dim=2)
        return noise.unflatten(-1, [2, -1]), {self.key: count[:, -1:]}


def _loop_spectra(frames: int, window: Tensor, hop: int, generator: torch.Generator) -> Tensor:
    """Spectra of a loop of white noise; two such loops add up to a mean log-magnitude of 0.

    Shape:
        -> [frames, 2, n_fft / 2 + 1]
    """
    n_fft = len(window)
    stft = StftAnalysis(n_fft, n_fft, hop, window=window)
    loop = torch.randn(1, 1, frames * hop, generator=generator)
    _, before = stft.frames(loop.repeat(1, 1, -(-n_fft // loop.shape[-1])), stft.initial_state(1))
    re, im, _ = stft(loop, before)
    power = float(stft.window.square().sum()) * 2.0
    return torch.stack([re[0, 0].T, im[0, 0].T], 1) * math.sqrt(NOISE_POWER / power)
