"""Encoder and decoder of single frames."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from latentfx.methods.syntone.tone_frames import HEARD

LEAK = 0.1


class FrameEncoder(nn.Module):
    """q(z | what was heard): a straight line, and what layers add to it.

    Args:
        hidden: units of each layer.
        z_size: dimensions of the code.
    Shape:
        [..., HEARD] -> two of [..., z_size], mean and log-variance
    """

    middle: Tensor
    width: Tensor

    def __init__(self, hidden: Sequence[int], z_size: int) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(HEARD))
        self.register_buffer("width", torch.ones(HEARD))
        self.body = _layers((HEARD, *hidden))
        self.line = nn.Linear(HEARD, z_size)
        self.mean, self.logvar = nn.Linear(hidden[-1], z_size), nn.Linear(hidden[-1], z_size)

    def forward(self, heard: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (heard - self.middle) / self.width
        hidden = self.body(scaled)
        return self.line(scaled) + self.mean(hidden), self.logvar(hidden).clamp(-14.0, 6.0)


class FrameDecoder(nn.Module):
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
        bent, read = torch.ones(size), torch.ones(size, z_size)
        for place, dimension in straight.items():
            bent[place] = 0.0
            read[place] = nn.functional.one_hot(torch.tensor(dimension), z_size).float()
        self.register_buffer("bent", bent, persistent=False)
        self.register_buffer("read", read, persistent=False)
        self.body = _layers((z_size, *hidden))
        self.line, self.out = nn.Linear(z_size, size), nn.Linear(hidden[-1], size)
        with torch.no_grad():
            for place, dimension in straight.items():
                self.line.weight[place, dimension], self.line.bias[place] = 1.0, 0.0

    def forward(self, z: Tensor) -> Tensor:
        line = nn.functional.linear(z, self.line.weight * self.read, self.line.bias)
        frame: Tensor = (line + self.out(self.body(z)) * self.bent) * self.width + self.middle
        return frame


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)
