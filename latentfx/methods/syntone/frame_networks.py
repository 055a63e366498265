"""Encoder and decoder of single frames."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from latentfx.methods.syntone.tone_frames import HEARD

LEAK = 0.1


class ToneEncoder(nn.Module):
    """q(z | what was heard): a straight line, and what layers add to it.

    Args:
        hidden: units of each layer.
        z_size: dimensions of the code.
        straight: place in what was heard -> the dimension that depends on it alone, in a straight line.
    Shape:
        [..., HEARD] -> two of [..., z_size], mean and log-variance
    """

    middle: Tensor
    width: Tensor
    bent: Tensor
    read: Tensor

    def __init__(self, hidden: Sequence[int], z_size: int, straight: Mapping[int, int]) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(HEARD))
        self.register_buffer("width", torch.ones(HEARD))
        self.body = _layers((HEARD, *hidden))
        self.line = nn.Linear(HEARD, z_size)
        self.mean, self.logvar = nn.Linear(hidden[-1], z_size), nn.Linear(hidden[-1], z_size)
        _straighten(self, self.line, {dimension: place for place, dimension in straight.items()})

    def forward(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (heard - self.middle) / self.width
        hidden = self.body(scaled)
        line = nn.functional.linear(scaled, self.line.weight * self.read, self.line.bias)
        return line + self.mean(hidden) * self.bent, self.logvar(hidden).clamp(-14.0, 6.0)


class ToneDecoder(nn.Module):
    """Mean of p(frame | z): a straight line, and what layers add to it.

    Args:
        z_size: dimensions of the code.
        hidden: units of each layer.
        size: numbers of a frame.
        straight: place in a frame -> the one dimension that it depends on, in a straight line. A code could
            otherwise hide such a number, which is told so exactly, in how several dimensions go together.
    Shape:
        [..., z_size] -> [..., size]
    """

    middle: Tensor
    width: Tensor
    bent: Tensor
    read: Tensor

    def __init__(self, z_size: int, hidden: Sequence[int], size: int, straight: Mapping[int, int]) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("width", torch.ones(size))
        self.body = _layers((z_size, *hidden))
        self.line, self.out = nn.Linear(z_size, size), nn.Linear(hidden[-1], size)
        _straighten(self, self.line, straight)

    def forward(self, z: Tensor) -> Tensor:
        line = nn.functional.linear(z, self.line.weight * self.read, self.line.bias)
        frame: Tensor = (line + self.out(self.body(z)) * self.bent) * self.width + self.middle
        return frame


class Leaky(nn.Module):
    """`LeakyReLU` in two operations: onnxruntime has no leaky ReLU of doubles."""

    def __init__(self) -> None:
        super().__init__()
        self.leak = LEAK

    def forward(self, x: Tensor) -> Tensor:
        return torch.maximum(x, x * self.leak)


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), Leaky()]
    return nn.Sequential(*layers)


def _straighten(network: nn.Module, line: nn.Linear, straight: Mapping[int, int]) -> None:
    """Let some outputs depend on one input alone: `read` masks the line, `bent` what layers add.

    Args:
        straight: output -> input.
    """
    bent, read = torch.ones(line.out_features), torch.ones_like(line.weight)
    for output, at in straight.items():
        bent[output] = 0.0
        read[output] = nn.functional.one_hot(torch.tensor(at), line.in_features)
        with torch.no_grad():
            line.weight[output, at], line.bias[output] = 1.0, 0.0
    network.register_buffer("bent", bent, persistent=False)
    network.register_buffer("read", read, persistent=False)
