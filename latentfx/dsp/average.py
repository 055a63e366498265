"""A weighted mean over the last few seconds of a stream, with explicit state."""

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["RunningMean"]


class RunningMean(nn.Module):
    """Mean of everything so far, in which what lies `frames` back counts 1/e as much as what is new.

    The frames of a call follow in closed form from its start: one call of many frames gives what many calls
    of one frame give.

    Args:
        size: values averaged.
        frames: time constant, in frames.
        prefix: begins the name of this module's state.
    Raises:
        ShapeError: fewer than 1 value, or a time of 0 or less.
    """

    def __init__(self, size: int, frames: float, prefix: str = "mean_") -> None:
        super().__init__()
        if size < 1 or frames <= 0.0:
            raise ShapeError(f"mean of {size} values over {frames} frames; allowed 1 or more, above 0")
        self.size = size
        self.rate = 1.0 / frames
        self.key = prefix + "sums"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """Nothing counted yet.

        Shape:
            sums [B, 1, size + 1]: of the weighted values, and of the weights
        """
        return {self.key: torch.zeros([batch_size, 1, self.size + 1])}

    def forward(
        self, values: Tensor, weight: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean up to and with each frame; 0 before anything counted.

        Shape:
            values [B, N, size], weight [B, N, 1] (0 or more) -> [B, N, size], state
        """
        frame = torch.arange(values.shape[1] + 1, device=values.device, dtype=values.dtype)
        age = frame[1:].unsqueeze(1) - frame
        share = torch.exp(-self.rate * age).tril(1)
        terms = torch.cat([state[self.key], torch.cat([values * weight, weight], dim=-1)], dim=1)
        sums = torch.matmul(share, terms)
        mean = sums[..., : self.size] / sums[..., self.size :].clamp(min=1e-3)
        return mean, {self.key: sums[:, -1:]}
