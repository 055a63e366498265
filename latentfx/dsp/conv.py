"""Causal convolution with explicit state: any split of a stream gives the result of one long call."""

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["CausalConv1d"]


class CausalConv1d(nn.Module):
    """1-D convolution that sees the present and the past alone; zeros before the stream.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        kernel_size: taps.
        dilation: samples or frames between taps.
        groups: independent groups of channels.
        bias: add a learned constant to each channel.
        prefix: begins the name of this module's state; layers of one model need different ones.
    Raises:
        ShapeError: channels that the groups do not divide, or a size below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        prefix: str = "conv_",
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, kernel_size, dilation, groups) < 1:
            raise ShapeError("a size of the convolution is below 1; every one must be 1 or more")
        if in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"groups is {groups}; allowed divisors of {in_channels} channels in and {out_channels} out"
            )
        self.conv = nn.Conv1d(
            in_channels, out_channels, kernel_size, dilation=dilation, groups=groups, bias=bias
        )
        self.channels = in_channels
        self.past = (kernel_size - 1) * dilation
        self.history_key = prefix + "history"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """Zeros before the stream; no state at all for one tap.

        Shape:
            history [B, C_in, (kernel_size - 1) * dilation]
        """
        state: dict[str, Tensor] = {}
        if self.past > 0:
            device = self.conv.weight.device
            state[self.history_key] = torch.zeros([batch_size, self.channels, self.past], device=device)
        return state

    def forward(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Convolve some samples or frames.

        Shape:
            x [B, C_in, T] -> [B, C_out, T], state
        """
        new_state: dict[str, Tensor] = {}
        if self.past > 0:
            x = torch.cat([state[self.history_key], x], -1)
            new_state[self.history_key] = x[..., x.shape[-1] - self.past :]
        return self.conv(x), new_state
