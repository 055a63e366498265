"""Smooth paths for controls, so that no jump of a knob is heard as a click."""

import math

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["ControlRamp"]


class ControlRamp(nn.Module):
    """Exponential approach to the targets from hop to hop, straight lines from sample to sample.

    The first call starts at its targets. Frames follow in closed form from the start of the call, so one call
    of many hops gives what many calls of one hop give.

    Args:
        count: controls.
        hop: samples from frame to frame.
        time_ms: after this time 95 % of a jump is done; 0 jumps within one hop.
        sample_rate: Hz.
        prefix: begins the names of this module's state.
    Raises:
        ShapeError: a count, hop or rate below 1, or a negative time.
    """

    path: Tensor

    def __init__(self, count: int, hop: int, time_ms: float, sample_rate: int, prefix: str = "ramp_") -> None:
        super().__init__()
        if min(count, hop, sample_rate) < 1 or time_ms < 0:
            raise ShapeError(
                f"ramp of {count} controls, hop {hop}, {time_ms} ms at {sample_rate} Hz; "
                "allowed 1 or more of each, and 0 ms or more"
            )
        frames = time_ms * sample_rate / 1000.0 / hop
        self.count = count
        self.hop = hop
        self.rate = math.log(20.0) / max(frames, 0.05)
        self.value_key = prefix + "value"
        self.started_key = prefix + "started"
        done = 1.0 - math.exp(-self.rate)
        self.register_buffer("path", 1.0 - torch.arange(1, hop + 1) / hop * done, persistent=False)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """No target seen.

        Shape:
            value [B, P], started [B, 1] (0 or 1)
        """
        device = self.path.device
        return {
            self.value_key: torch.zeros([batch_size, self.count], device=device),
            self.started_key: torch.zeros([batch_size, 1], device=device),
        }

    def forward(
        self, targets: Tensor, frames: int, state: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Move towards targets that hold for the whole call.

        Args:
            targets: where each control shall go.
            frames: N, hops in this call.
            state: as returned by the last call, or by `initial_state`.
        Shape:
            targets [B, P] -> samples [B, P, N * hop], frames [B, P, N] (the end of each hop), state
        """
        start = torch.where(state[self.started_key] > 0.5, state[self.value_key], targets)
        count = torch.arange(frames, device=targets.device, dtype=targets.dtype)
        left = (torch.exp(count * -self.rate).unsqueeze(1) * self.path).flatten()
        samples = targets.unsqueeze(-1) + (start - targets).unsqueeze(-1) * left
        ends = samples[..., self.hop - 1 :: self.hop]
        new_state = {
            self.value_key: ends[..., -1],
            self.started_key: torch.ones_like(state[self.started_key]),
        }
        return samples, ends, new_state
