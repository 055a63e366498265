"""A delay line with explicit state: keeps a dry path in step with an effect that has latency."""

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["Delay"]


class Delay(nn.Module):
    """Give audio back some samples later.

    Args:
        channels: channels in and out.
        samples: how much later.
        prefix: begins the name of this module's state.
    Raises:
        ShapeError: fewer than 1 channel or 0 samples.
    """

    def __init__(self, channels: int, samples: int, prefix: str = "delay_") -> None:
        super().__init__()
        if channels < 1 or samples < 0:
            raise ShapeError(
                f"delay is {samples} samples of {channels} channels; allowed 0 or more of 1 or more"
            )
        self.channels = channels
        self.latency = samples
        self.line_key = prefix + "line"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """Silence in the line; no state at all for no delay.

        Shape:
            line [B, C, samples]
        """
        state: dict[str, Tensor] = {}
        if self.latency > 0:
            state[self.line_key] = torch.zeros([batch_size, self.channels, self.latency])
        return state

    def forward(self, audio: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Delay some samples.

        Shape:
            audio [B, C, T] -> [B, C, T], state
        """
        new_state: dict[str, Tensor] = {}
        if self.latency > 0:
            line = torch.cat([state[self.line_key], audio], -1)
            new_state[self.line_key] = line[..., audio.shape[-1] :]
            audio = line[..., : audio.shape[-1]]
        return audio, new_state
