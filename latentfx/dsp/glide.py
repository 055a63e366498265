"""An exponential approach to a target that moves from frame to frame, each frame with a time of its own."""

import torch
from torch import Tensor


def glide(wanted: Tensor, time_ms: Tensor, begin: Tensor, frames_per_ms: float) -> Tensor:
    """Follow a target; after `time_ms` 95 % of a jump is done.

    The frames follow in closed form from the start of the call, so that one long call gives what many short
    calls give. It runs eager, under TorchScript and in an ONNX graph.

    Args:
        wanted: where to go.
        time_ms: at each frame; 0 arrives within it.
        begin: value before the first frame.
        frames_per_ms: frames in a millisecond.
    Shape:
        wanted, time_ms [B, N], begin [B, 1] -> [B, N]
    """
    frames = (time_ms * frames_per_ms).clamp(min=0.05)
    rate = 2.995732273553991 / frames
    passed = torch.cumsum(rate, 1)
    since = passed.unsqueeze(2) - passed.unsqueeze(1)
    share = torch.exp(-since.clamp(min=0.0)) * torch.tril(torch.ones_like(since))
    arrived = torch.matmul(share, ((1.0 - torch.exp(-rate)) * wanted).unsqueeze(2)).squeeze(2)
    return begin * torch.exp(-passed) + arrived
