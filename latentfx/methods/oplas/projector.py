"""The mixing projector: h takes embeddings to a space where a mix is the sum of its stems, hinv back.

Source: the OpLaS paper ("Operational latent spaces", 2024) and its public notebook, whose terms all weigh 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from latentfx.errors import ShapeError
from latentfx.methods.common.vicreg import covariance_loss, invariance_loss, variance_loss

__all__ = ["MixWeights", "MixingProjector", "Projector"]


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


@dataclass(frozen=True)
class MixWeights:
    """What each term of the loss weighs. The original VICReg weighs its terms 25, 25 and 1."""

    mix: float = 1.0
    variance: float = 1.0
    covariance: float = 1.0
    inverse: float = 1.0


class MixingProjector(nn.Module):
    """h, hinv, and what they are trained to do.

    Args:
        into: h.
        back: hinv, with weights of its own.
        weights: of the terms.
    """

    def __init__(self, into: nn.Module, back: nn.Module, weights: MixWeights = MixWeights()) -> None:
        super().__init__()
        self.into = into
        self.back = back
        self.weights = weights

    def losses(self, stems: Tensor, mix: Tensor, alone: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Score embeddings of stems and of their mixes.

        Args:
            stems: as loud as they are in the mix.
            mix: of these.
            alone: embeddings, besides the mixes, that hinv must win back.
        Shape:
            stems [K, B, D], mix [B, D], alone [B, D] -> every term [], sums [B, D], mixes [B, D]
        Returns:
            `loss` and its parts `mix`, `variance`, `covariance`, `inverse`; sum of h(stem); h(mix).
        """
        every = self.into(torch.cat([stems, mix[None], alone[None]]))
        summed, mixed = every[:-2].sum(0), every[-2]
        both = torch.stack([summed, mixed])
        returned = self.back(every[-2:])
        parts = {
            "mix": invariance_loss(summed, mixed),
            "variance": variance_loss(both).mean(),
            "covariance": covariance_loss(both).mean(),
            "inverse": invariance_loss(returned, torch.stack([mix, alone])).sum(),
        }
        loss = torch.stack([getattr(self.weights, name) * value for name, value in parts.items()]).sum()
        return {"loss": loss, **parts}, summed, mixed

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
