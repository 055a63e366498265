"""The prior: a recurrent network that predicts the next code, and when it sees its own predictions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

PUBLISHED_ITERATIONS = 15_001


class Prior(nn.Module):
    """Predicts every code of a sequence but the first, from those before it.

    Args:
        size: dimensions of the content.
        units: of a layer.
        layers: recurrent ones.
        cell: `rnn` (tanh) or `gru`.
    """

    def __init__(
        self, size: int, units: int = 256, layers: int = 1, cell: Literal["rnn", "gru"] = "rnn"
    ) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.RNN
        self.rnn = kind(size, units, layers, batch_first=True)
        self.head = nn.Linear(units, size)

    def forward(self, z: Tensor, forced: Sequence[bool]) -> Tensor:
        """Roll out.

        Args:
            z: codes.
            forced: for each step, whether the prior sees the code; otherwise it sees its last prediction. The
                first step always sees the code.
        Shape:
            z [B, T, D], forced [T - 1] -> [B, T - 1, D]
        """
        sees = [True, *forced[1 : z.shape[1] - 1]]
        hidden: Tensor | None = None
        found: list[Tensor] = []
        step = 0
        for own, group in itertools.groupby(range(len(sees)), lambda index: not sees[index]):
            steps = list(group)
            if own:
                for _ in steps:
                    out, hidden = self.rnn(found[-1][:, -1:], hidden)
                    found.append(self.head(out))
            else:
                out, hidden = self.rnn(z[:, step : step + len(steps)], hidden)
                found.append(self.head(out))
            step += len(steps)
        return torch.cat(found, dim=1)


def forcing_probability(iteration: int, alpha: float, beta: float, iterations: int = 0) -> float:
    """How often the prior sees the code rather than its own prediction.

    Args:
        iteration: from 0.
        alpha, beta: of the schedule.
        iterations: length that the published schedule of 15001 iterations is compressed to; 0 keeps it.

    >>> round(forcing_probability(0, 2200, 8000), 3), round(forcing_probability(15000, 2200, 8000), 2)
    (0.983, 0.06)
    """
    place = iteration * PUBLISHED_ITERATIONS / iterations if iterations else float(iteration)
    exponent = min((place + beta) / alpha, 700.0)
    return alpha / (alpha + math.exp(exponent))


def draw_forcing(steps: int, given: int, probability: float) -> list[bool]:
    """Which steps of a roll-out see the code; drawn once for a whole batch.

    Args:
        steps: of the roll-out.
        given: steps that always do.
        probability: of all others.
    """
    drawn = (torch.rand(steps) < probability).tolist()
    return [True] * min(given, steps) + drawn[given:]
