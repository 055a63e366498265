"""The smallest complete LatentEffect: log-magnitudes, a model that changes nothing, and phase propagation."""

import torch
from torch import Tensor

from latentfx.control import Control
from latentfx.dsp.phase import PhaseGradientPropagation
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.effect import LatentEffect
from latentfx.stages import Analysis, Factors, Features, LatentModel, Operator, State, Synthesis


class LogMagnitude(Analysis):
    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.stft = StftAnalysis.hann(n_fft, hop)

    def initial_state(self, batch_size: int = 1) -> State:
        return self.stft.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        re, im, new = self.stft(audio[:, :1], state)
        return {"logmag": 0.5 * torch.log(re.square() + im.square() + 1e-14)[:, 0]}, new


class Identity(LatentModel):
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        new: State = {}
        return {"level": features["logmag"]}, new

    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        new: State = {}
        return {"magnitude": factors["level"].exp()}, new


class Lift(Operator):
    """Adds to the log-magnitude."""

    def __init__(self) -> None:
        super().__init__((Control("lift_db", -24.0, 24.0, 0.0, "dB"),))

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        new: State = {}
        return {"level": factors["level"] + controls[:, :1] * 0.115129}, new


class Resynthesis(Synthesis):
    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.phase = PhaseGradientPropagation(n_fft, hop)
        self.stft = StftSynthesis.hann(n_fft, hop)
        self.latency = self.stft.latency

    def initial_state(self, batch_size: int = 1) -> State:
        return self.phase.initial_state(batch_size) | self.stft.initial_state(batch_size)

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        re, im, new = self.phase(decoded["magnitude"], state)
        audio, tail = self.stft(re.unsqueeze(1), im.unsqueeze(1), state)
        new.update(tail)
        return audio, new


def identity_effect(
    *,
    rate: int = 16000,
    n_fft: int = 256,
    hop: int = 64,
    block_size: int | None = None,
    in_channels: int = 1,
    out_channels: int = 1,
    model: LatentModel | None = None,
    operator: Operator | None = None,
    gate_side_chain: bool = False,
    gate_db: float = -80.0,
) -> LatentEffect:
    return LatentEffect(
        "identity",
        rate,
        LogMagnitude(n_fft, hop),
        Identity() if model is None else model,
        Lift() if operator is None else operator,
        Resynthesis(n_fft, hop),
        block_size=block_size,
        in_channels=in_channels,
        out_channels=out_channels,
        gate_side_chain=gate_side_chain,
        gate_db=gate_db,
    )
