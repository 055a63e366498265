"""What a method offers so that `operator = "steer"` in a recipe gives it a plugin without a builder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from latentfx.stages import Analysis, LatentModel, Synthesis


@dataclass(frozen=True)
class StreamParts:
    """A trained model as the stages of a plugin, with nothing between encoder and decoder.

    Args:
        analysis: audio to features.
        model: features to factors and back. Factors are named as in the objective's `codes`.
        synthesis: what was decoded to audio.
        factor: the factor to steer where the recipe names none.
        high_pass: whether the stages hear the input without offset and rumble, which nobody hears.
    """

    analysis: Analysis
    model: LatentModel
    synthesis: Synthesis
    factor: str
    high_pass: bool = False


@runtime_checkable
class Streamable(Protocol):
    """An objective whose model can run frame by frame."""

    def stream_parts(self) -> StreamParts:
        """The trained model as stages."""
