"""An exponential approach to a target that moves from frame to frame, each frame with a time of its own."""

import torch
from torch import Tensor


def glide(wanted: Tensor, time_ms: Tensor, begin: Tensor, frames_per_ms: float) -> Tensor:
    """Follow a target; after `time_ms` 95 % of a jump is done.

    The frames follow in closed form from the start of the call, so that one long call gives what many short
    calls give. It runs eager, under TorchScript and in an ONNX graph. In double precision: a pitch that the
    rounding of one engine leaves a little off its target, for as long as it stays there, drifts in phase.

    Args:
        wanted: where to go.
        time_ms: at each frame; 0 arrives within it.
        begin: value before the first frame.
        frames_per_ms: frames in a millisecond.
    Shape:
        wanted, time_ms [B, N], begin [B, 1] -> [B, N], double
    """
    frames = (time_ms.double() * frames_per_ms).clamp(min=0.05)
    rate = 2.995732273553991 / frames
    passed = torch.cumsum(rate, 1)
    since = passed.unsqueeze(2) - passed.unsqueeze(1)
    share = torch.exp(-since.clamp(min=0.0)) * torch.tril(torch.ones_like(since))
    arrived = torch.matmul(share, ((1.0 - torch.exp(-rate)) * wanted.double()).unsqueeze(2)).squeeze(2)
    return begin.double() * torch.exp(-passed) + arrived


def as_floats(number: Tensor) -> Tensor:
    """A double as the sum of two single numbers, as a plugin's state holds it; `.double().sum` undoes it.

    Shape:
        [..., n], double -> [..., 2 n], float32, the high halves first
    """
    high = number.float()
    return torch.cat([high, (number - high.double()).float()], -1)
