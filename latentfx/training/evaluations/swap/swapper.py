"""What the evaluation of timbre swaps asks of a model: codes of a clip, and clips from codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from latentfx.arrays import Float32


@dataclass(frozen=True)
class Codes:
    """A clip as two codes. `Codes(a.z, b.v)` is the line of clip `a` with the timbre of clip `b`.

    Args:
        z: what changes from frame to frame, in whatever form the model likes.
        v: what stays: the timbre.
    Shape:
        v [V]
    """

    z: Any
    v: Float32


class SwappingModel(Protocol):
    """A model that can exchange timbres. Clips whose codes are mixed have one length."""

    @property
    def sample_rate(self) -> int:
        """Rate of the audio that it takes and gives, Hz."""

    @property
    def v_size(self) -> int:
        """Size of the timbre code."""

    def encode(self, audio: Float32, sampled: bool = False) -> Codes:
        """Give the posterior means of a clip's codes, or draws from the posterior (torch's generator).

        Shape:
            audio [T]
        """

    def log_mel(self, codes: Codes) -> Float32:
        """Decode into the log-mels that judges see (`metrics.judge.JUDGED`): 16 kHz, 80 bands.

        Shape:
            -> [N, 80]
        """

    def audio(self, codes: Codes) -> Float32:
        """Decode into audio at `sample_rate`, as long as the clip behind `z`.

        Shape:
            -> [T]
        """
