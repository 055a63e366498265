"""The stages that a `LatentEffect` is made of: analysis -> encode -> operator -> decode -> synthesis.

Derive from the classes here. Every stage runs eager, under TorchScript and in an ONNX graph. It reads and
returns its own state keys alone, and no two stages share one: begin them with the stage's name.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from latentfx.control import Control
from latentfx.plugin import State

Features = dict[str, Tensor]
Factors = dict[str, Tensor]

__all__ = ["Analysis", "EffectStage", "Factors", "Features", "LatentModel", "Operator", "State", "Synthesis"]


class EffectStage(nn.Module):
    """A step with a state of its own."""

    def initial_state(self, batch_size: int = 1) -> State:
        """State at the start of a stream; empty unless overridden.

        Shape:
            each value [B, ...], float32
        """
        return {}


class Analysis(EffectStage, ABC):
    """Audio to features. Sets `hop` in `__init__`: samples from frame to frame."""

    hop: int

    @abstractmethod
    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        """Analyse some whole hops.

        Shape:
            audio [B, C_in, T] -> features such as logmag [B, F, N], N = T / hop
        """


class LatentModel(EffectStage, ABC):
    """The paper's part: features to named factors and back."""

    @abstractmethod
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Features to factors.

        Shape:
            features [B, F, N] -> each factor [B, Z, N]
        """

    @abstractmethod
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Factors to what the synthesis needs. `features` are those that were encoded.

        Shape:
            each factor [B, Z, N] -> decoded such as magnitude [B, F, N]
        """


class Operator(EffectStage, ABC):
    """What the knobs do. Its `controls` come first in the spec of the effect.

    Args:
        controls: the knobs, in the order of the control tensor.
    """

    def __init__(self, controls: tuple[Control, ...] = ()) -> None:
        super().__init__()
        self.controls = controls

    def on_features(self, features: Features, controls: Tensor) -> Features:
        """Change the features before they are encoded (a transposition); nothing unless overridden.

        Shape:
            features [B, F, N], controls [B, P, N] in native units, smoothed
        """
        return features

    def on_decoded(
        self, decoded: Features, encoded: Factors, features: Features, controls: Tensor
    ) -> Features:
        """Change what was decoded before it becomes audio; nothing unless overridden.

        Latent signals that come from elsewhere (`decode` in nn~) become audio without it.

        Args:
            decoded: of the changed factors.
            encoded: factors before this operator.
            features: what was encoded.
            controls: in native units, smoothed.
        Shape:
            decoded, features [B, F, N], encoded [B, Z, N], controls [B, P, N]
        """
        return decoded

    @abstractmethod
    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        """Change the factors.

        Shape:
            each factor [B, Z, N], controls [B, P, N] in native units, smoothed
        """


class Synthesis(EffectStage, ABC):
    """What was decoded to audio. Sets `latency` in `__init__`: samples from input to output.

    The latency counts from the audio that the analysis took in; for overlap-add it is synthesis window - hop.
    """

    latency: int

    @abstractmethod
    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        """Make audio.

        Shape:
            decoded such as magnitude [B, F, N] -> audio [B, C_out, N * hop]
        """
