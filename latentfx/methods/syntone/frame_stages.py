"""The stages of a model of frames: audio to frames, frames to codes and back, and frames to audio."""

import math

import torch
from torch import Tensor, nn

from latentfx.dsp.bands import BandAxis
from latentfx.dsp.phase import PhaseGradientPropagation
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.stages import Analysis, Factors, Features, LatentModel, State, Synthesis

SILENCE = 1e-6
HIGHEST = 3.0


class FrameAnalysis(Analysis):
    """Audio to the shape of its spectrum, and its level.

    Args:
        n_fft: samples of a Hann frame.
        hop: samples from frame to frame.
        bands: of a frame.
        floor_db: what lies so far below the level counts as nothing.
    Shape:
        audio [B, 1, T] -> frame [B, bands, N], nepers over the level; level [B, 1, N], of a sine of amplitude
        1 it is 1
    """

    def __init__(self, n_fft: int, hop: int, bands: int, floor_db: float) -> None:
        super().__init__()
        self.hop = hop
        self.stft = StftAnalysis.hann(n_fft, hop)
        self.scale = 2.0 / float(self.stft.window.sum())
        self.leak = 1.0 / 1.5  # a sine's power over all bins of a Hann frame
        self.floor = 10.0 ** (floor_db / 20.0)
        self.silence = SILENCE
        self.axis = BandAxis(n_fft, bands)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Silence before the stream."""
        return self.stft.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        re, im, new_state = self.stft(audio, state)
        power = (re[:, 0] * re[:, 0] + im[:, 0] * im[:, 0]) * (self.scale * self.scale)
        level = torch.sqrt(power.sum(dim=1, keepdim=True) * self.leak)
        unit = torch.sqrt(power) / level.clamp(min=self.silence)
        return {"frame": torch.log(self.axis(unit) + self.floor), "level": level}, new_state


class FrameModel(LatentModel):
    """The mean code of each frame as the factor `z`; back from it, magnitudes at a level of 1.

    Args:
        encoder: frames [..., bands] -> mean and log-variance.
        decoder: codes [..., D] -> frames [..., bands].
        middle: mean of frames, nepers.
        unit: nepers that count as 1.
    Shape:
        frame [B, bands, N] -> z [B, D, N]; -> bands [B, bands, N], level [B, 1, N]
    """

    middle: Tensor

    def __init__(self, encoder: nn.Module, decoder: nn.Module, middle: Tensor, unit: float) -> None:
        super().__init__()
        self.encoder, self.decoder, self.unit = encoder, decoder, unit
        self.highest = HIGHEST
        self.register_buffer("middle", middle.clone())

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Frames to codes."""
        mean, _ = self.encoder((features["frame"].transpose(1, 2) - self.middle) / self.unit)
        return {"z": mean.transpose(1, 2)}, {}

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Codes to magnitudes, as loud as the input."""
        frame = self.decoder(factors["z"].transpose(1, 2)) * self.unit + self.middle
        bands = torch.exp(frame.clamp(max=self.highest)).transpose(1, 2)
        return {"bands": bands, "level": features["level"]}, {}


class FrameSynthesis(Synthesis):
    """Magnitudes to audio at the level asked for; phases by propagation.

    Args:
        n_fft: samples of a Hann frame.
        hop: samples from frame to frame.
        bands: of a frame.
    Shape:
        bands [B, bands, N], level [B, 1, N] -> audio [B, 1, N * hop]
    """

    def __init__(self, n_fft: int, hop: int, bands: int) -> None:
        super().__init__()
        self.axis = BandAxis(n_fft, bands)
        self.phase = PhaseGradientPropagation(n_fft, hop)
        self.overlap_add = StftSynthesis.hann(n_fft, hop)
        self.latency = self.overlap_add.latency
        self.scale = n_fft / 4.0 * math.sqrt(1.5)
        self.silence = SILENCE

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """No frame begun."""
        state = self.phase.initial_state(batch_size)
        state.update(self.overlap_add.initial_state(batch_size))
        return state

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        shape = self.axis.spread(decoded["bands"])
        own = torch.sqrt((shape * shape).sum(dim=1, keepdim=True)).clamp(min=self.silence)
        re, im, new_state = self.phase(shape / own * decoded["level"] * self.scale, state)
        audio, tail = self.overlap_add(re.unsqueeze(1), im.unsqueeze(1), state)
        new_state.update(tail)
        return audio, new_state
