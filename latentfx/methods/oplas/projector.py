"""The mixing projector: h takes embeddings to a space where a mix is the sum of its stems, hinv back.

Source: the OpLaS paper ("Operational latent spaces", 2024) and its public notebook.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from latentfx.errors import ShapeError

__all__ = ["MixingProjector", "Projector"]


class Projector(nn.Module):
    """y + MLP(y), GELU on every layer but the last.

    Args:
        size: dimensions of the embedding.
        hidden: width of the layers.
        blocks: residual layers between the first and the last.
        dropout: after each of these.
        bias: whether the last layer has one.
    Raises:
        ShapeError: a size below 1, or blocks below 0.
    """

    def __init__(
        self, size: int, hidden: int = 64, blocks: int = 2, *, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        if min(size, hidden) < 1 or blocks < 0:
            raise ShapeError(
                f"a projector of {size} dimensions, {hidden} wide, with {blocks} blocks; "
                "allowed 1 or more, 1 or more, and 0 or more"
            )
        self.first = nn.Linear(size, hidden)
        self.blocks = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, size, bias=bias)

    def forward(self, y: Tensor) -> Tensor:
        """Project embeddings.

        Shape:
            [..., D] -> [..., D]
        """
        x = functional.gelu(self.first(y))
        for block in self.blocks:
            x = x + self.dropout(functional.gelu(block(x)))
        z: Tensor = y + self.last(x)
        return z


class MixingProjector(nn.Module):
    """h and hinv, and arithmetic in the space between them.

    Args:
        into: h.
        back: hinv, with weights of its own.
    """

    def __init__(self, into: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.into = into
        self.back = back

    def subtract(self, mix: Tensor, stem: Tensor) -> Tensor:
        """Embedding of a mix without one of its stems.

        Shape:
            mix [..., D], stem [..., D] -> [..., D]
        """
        rest: Tensor = self.back(self.into(mix) - self.into(stem))
        return rest

    def analogy(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        """Embedding of a - b + c: what c is to the answer as b is to a.

        Shape:
            a [..., D], b [..., D], c [..., D] -> [..., D]
        """
        answer: Tensor = self.back(self.into(a) - self.into(b) + self.into(c))
        return answer
