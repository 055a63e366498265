"""Numbers that stay finite: bad samples become zero, and a state that holds one starts again."""

import torch
from torch import Tensor, nn

__all__ = ["StateGuard", "finite"]


def finite(x: Tensor, limit: float = 1e6) -> Tensor:
    """Put 0 in place of NaN, Inf, and values beyond the limit: no sound has them, and their squares overflow.

    Shape:
        [...] -> [...]
    """
    return torch.where(x.abs() <= limit, x, 0.0)


class StateGuard(nn.Module):
    """Start every state of a batch row again when one of them is not finite (or beyond 1e30 in sum).

    All of them start together, so that the row's states still belong to each other.

    Args:
        initial: the state of one row at its start.
    Shape:
        initial: each value [1, ...]
    """

    names: list[str]

    def __init__(self, initial: dict[str, Tensor]) -> None:
        super().__init__()
        self.names = list(initial)
        self.rows = nn.ModuleList([_Start(value) for value in initial.values()])

    def forward(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the guarded states; names that were not given at the start are left out.

        Shape:
            each value [B, ...] -> the same
        """
        guarded: dict[str, Tensor] = {}
        if len(self.names) > 0:
            values = torch.cat([state[name].reshape([state[name].shape[0], -1]) for name in self.names], 1)
            sound = torch.linalg.vector_norm(values, 1.0, 1, keepdim=True) <= 1e30
            for index, row in enumerate(self.rows):
                name = self.names[index]
                guarded[name] = row(state[name], sound)
        return guarded


class _Start(nn.Module):
    """The start of one state; where it is the same everywhere it is kept as one number."""

    start: Tensor

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.row_shape = [-1] + [1] * (value.dim() - 1)
        flat = value.reshape(-1)
        if flat.numel() > 0 and bool((flat == flat[0]).all()):
            value = flat[:1].reshape([1] * value.dim())
        self.register_buffer("start", value.clone(), persistent=False)

    def forward(self, value: Tensor, sound: Tensor) -> Tensor:
        return torch.where(sound.reshape(self.row_shape), value, self.start)
