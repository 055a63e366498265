"""Sound that ends and begins softly where the state of a stream is put back to its start."""

import torch
from torch import Tensor, nn


class Fade(nn.Module):
    """Fades the output out over one call, and in again once the model has sound to give.

    Args:
        latency: samples that the model needs after a reset before it gives sound.
        samples: length of a fade.
    """

    def __init__(self, latency: int, samples: int) -> None:
        super().__init__()
        self.latency = latency
        self.samples = samples
        self.asked = False
        self.since = latency + samples

    @torch.jit.export
    def ask(self) -> None:
        """Fade out at the next call."""
        self.asked = True

    @torch.jit.export
    def forget(self) -> None:
        """Leave the sound as it is."""
        self.asked = False
        self.since = self.latency + self.samples

    def forward(self, audio: Tensor) -> tuple[Tensor, bool]:
        """Shape the sound of one call.

        Shape:
            audio [B, C, T] -> [B, C, T], whether the state is to start again after this call
        """
        step = torch.arange(audio.shape[2], device=audio.device)
        if self.asked:
            self.asked = False
            self.since = 0
            return audio * self.curve(self.samples - 1 - step), True
        if self.since < self.latency + self.samples:
            step = step + (self.since - self.latency)
            self.since += audio.shape[2]
            return audio * self.curve(step), False
        return audio, False

    def curve(self, step: Tensor) -> Tensor:
        """From 0 at step 0 to 1 after a fade, smooth at both ends.

        Shape:
            step [T] -> [T]
        """
        line = (step.float() / float(self.samples)).clamp(0.0, 1.0)
        return line * line * (3.0 - 2.0 * line)
