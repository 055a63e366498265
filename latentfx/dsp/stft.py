"""Streaming short-time Fourier transform and its inverse, with explicit state.

A frame ends at the newest sample of its hop, so analysis adds no delay of its own; the pair's latency is
`synthesis_length - hop` samples, however long the analysis window is.
"""

import torch
from torch import Tensor, nn

from latentfx.dsp.fft import InverseRealFFT, RealFFT
from latentfx.dsp.windows import analysis_window, dual_window, hann, synthesis_window
from latentfx.errors import ShapeError

__all__ = ["StftAnalysis", "StftSynthesis"]


class StftAnalysis(nn.Module):
    """Audio to one-sided spectra, one frame each hop.

    `StftAnalysis(2048, 1024, 256)` pairs with `StftSynthesis(2048, 1024, 256)`, and
    `StftAnalysis.hann(1024, 256)`, the spectra of plain Hann frames, with `StftSynthesis.hann(1024, 256)`.

    Args:
        analysis_length: samples in a frame; also the FFT length.
        synthesis_length: samples in the frames of the synthesis this pairs with.
        hop: samples from frame to frame.
        window: another window, which ends at the newest sample of each frame.
        prefix: begins the names of this module's state.
    Raises:
        ShapeError: lengths that do not fit each other, or a window of another length.
    """

    window: Tensor

    def __init__(
        self,
        analysis_length: int,
        synthesis_length: int,
        hop: int,
        window: Tensor | None = None,
        prefix: str = "analysis_",
    ) -> None:
        super().__init__()
        if window is None:
            window = analysis_window(analysis_length, synthesis_length)
        if window.shape != (analysis_length,):
            raise ShapeError(f"window has the shape {tuple(window.shape)}; allowed ({analysis_length},)")
        if not 1 <= hop <= analysis_length:
            raise ShapeError(f"hop is {hop}; allowed 1 to the analysis length {analysis_length}")
        self.n_fft = analysis_length
        self.bins = analysis_length // 2 + 1
        self.hop = hop
        self.latency = synthesis_length - hop
        self.history_key = prefix + "history"
        self.fft = RealFFT(analysis_length)
        self.register_buffer("window", window.float(), persistent=False)

    @classmethod
    def hann(cls, n_fft: int, hop: int, prefix: str = "analysis_") -> "StftAnalysis":
        """Analysis with a symmetric Hann window."""
        return cls(n_fft, n_fft, hop, window=hann(n_fft), prefix=prefix)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1, channels: int = 1) -> dict[str, Tensor]:
        """Silence before the stream.

        Shape:
            history [B, C, n_fft - hop]
        """
        shape = [batch_size, channels, self.n_fft - self.hop]
        return {self.history_key: torch.zeros(shape, device=self.window.device)}

    def forward(self, audio: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Analyse some whole hops.

        Shape:
            audio [B, C, T] -> re [B, C, F, N], im [B, C, F, N], state; F = n_fft / 2 + 1, N = T / hop
        """
        frames, new_state = self.frames(audio, state)
        re, im = self.fft(frames * self.window)
        return re.transpose(-1, -2), im.transpose(-1, -2), new_state

    def magnitude(self, frames: Tensor) -> Tensor:
        """Magnitudes of the spectra of frames.

        Shape:
            [B, C, N, n_fft] -> [B, C, N, F]
        """
        return self.fft.magnitude(frames * self.window)

    def frames(self, audio: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The samples of every frame, before the window.

        Shape:
            audio [B, C, T] -> [B, C, N, n_fft], state
        """
        samples = torch.cat([state[self.history_key], audio], -1)
        history = samples[..., audio.shape[-1] :]
        if self.n_fft % self.hop > 0:
            return samples.unfold(-1, self.n_fft, self.hop), {self.history_key: history}
        # Whole hops side by side: in a graph, unfold gathers sample by sample.
        hops = samples.unflatten(-1, [-1, self.hop])
        later = self.n_fft // self.hop - 1
        beside = [hops[:, :, index : index - later] for index in range(later)]
        return torch.cat(beside + [hops[:, :, later:]], -1), {self.history_key: history}


class StftSynthesis(nn.Module):
    """One-sided spectra to audio by windowed overlap-add of the newest part of each frame.

    Args:
        analysis_length: samples in a frame of the analysis this pairs with; also the FFT length.
        synthesis_length: newest samples of each frame that are heard.
        hop: samples from frame to frame.
        window: another synthesis window.
        prefix: begins the names of this module's state.
    Raises:
        ShapeError: lengths that do not fit each other, or a window of another length.
    """

    window: Tensor

    def __init__(
        self,
        analysis_length: int,
        synthesis_length: int,
        hop: int,
        window: Tensor | None = None,
        prefix: str = "synthesis_",
    ) -> None:
        super().__init__()
        if window is None:
            window = synthesis_window(analysis_length, synthesis_length, hop)
        if window.shape != (synthesis_length,) or synthesis_length > analysis_length:
            raise ShapeError(f"window has the shape {tuple(window.shape)}; allowed ({synthesis_length},)")
        if synthesis_length % hop:
            raise ShapeError(f"hop is {hop}; allowed divisors of the synthesis length {synthesis_length}")
        self.n_fft = analysis_length
        self.bins = analysis_length // 2 + 1
        self.hop = hop
        self.length = synthesis_length
        self.overlap = synthesis_length // hop
        self.latency = synthesis_length - hop
        self.tail_key = prefix + "tail"
        self.fft = InverseRealFFT(analysis_length)
        self.register_buffer("window", window.float(), persistent=False)

    @classmethod
    def hann(cls, n_fft: int, hop: int, prefix: str = "synthesis_") -> "StftSynthesis":
        """Synthesis with the canonical dual of a symmetric Hann window: least squares for changed spectra.

        Raises:
            ShapeError: hop is above n_fft / 3, where squared Hann windows do not add to a constant.
        Source: Griffin & Lim 1984.
        """
        window = hann(n_fft)
        return cls(n_fft, n_fft, hop, window=dual_window(window, window.square(), hop), prefix=prefix)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1, channels: int = 1) -> dict[str, Tensor]:
        """No frame begun.

        Shape:
            tail [B, C, synthesis_length - hop]
        """
        return {self.tail_key: torch.zeros([batch_size, channels, self.latency], device=self.window.device)}

    def forward(self, re: Tensor, im: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Overlap-add frames into audio.

        Shape:
            re [B, C, F, N], im [B, C, F, N] -> audio [B, C, N * hop], state
        """
        return self._add_frames(self.fft(re.transpose(-1, -2), im.transpose(-1, -2)), state)

    def of_pairs(self, spectra: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The same, of real and imaginary parts in one tensor.

        Shape:
            [B, C, N, 2, F] -> audio [B, C, N * hop], state
        """
        return self._add_frames(self.fft.of_pairs(spectra), state)

    def _add_frames(self, frames: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Window frames, and add them, each a hop later than the last.

        A frame's last hop is added to the last but one of the next frame, their sum to the hop before that of
        the frame after it, and so on: in a graph, fold is slow.

        Shape:
            [B, C, N, n_fft] -> audio [B, C, N * hop], state
        """
        heard = (frames[..., self.n_fft - self.length :] * self.window).split(self.hop, -1)
        audio = heard[-1]
        if self.overlap == 1:
            return audio.flatten(2), {self.tail_key: state[self.tail_key]}
        tail = state[self.tail_key].unflatten(-1, [-1, self.hop])
        tails: list[Tensor] = []
        for index in range(self.overlap - 2, -1, -1):
            before = torch.cat([tail[:, :, index : index + 1], audio], 2)
            tails.append(before[:, :, -1])
            audio = heard[index] + before[:, :, :-1]
        new_tail = torch.cat(tails[::-1], -1)
        return audio.flatten(2), {self.tail_key: new_tail}
