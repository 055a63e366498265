"""Loss terms: an objective is networks, what they see of a batch, and a list of these.

    terms = (Reconstruction(), KL(weight=4.0))

    def loss(self, batch):
        return add_up(self.terms, self.see(batch))

`see` runs the networks once and returns whatever the terms read, usually a frozen dataclass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from latentfx.errors import TrainingError

Seen = TypeVar("Seen", contravariant=True)


@dataclass(frozen=True)
class Term(ABC, Generic[Seen]):
    """One part of a loss: a frozen dataclass that scores what an objective has seen of a batch.

    A term is given its `name` as a default of the field, and may have more settings.

    Args:
        weight: what the value counts in the loss.
        name: of its curve.
    """

    weight: float = 1.0
    name: str = ""

    @abstractmethod
    def __call__(self, seen: Seen, /) -> Tensor:
        """Score what was seen.

        Shape:
            -> a scalar
        """

    def scale(self, seen: Seen, /) -> float:
        """Factor beside the weight, where the value is shown in another unit than it is added in."""
        return 1.0


def add_up(terms: Sequence[Term[Seen]], seen: Seen) -> dict[str, Tensor]:
    """Score with every term, in order.

    Returns:
        `loss`, the sum of weight * scale * value, and every value by the name of its term.
    Raises:
        TrainingError: no terms, or names that are not different from each other and from `loss`.
    """
    names = ["loss", *(term.name for term in terms)]
    if not terms or len(set(names)) < len(names):
        raise TrainingError(
            f"the terms of a loss are called {', '.join(names[1:]) or 'nothing'}; "
            "allowed one or more, with different names, none of them 'loss'"
        )
    values = [term(seen) for term in terms]
    shares = [term.weight * term.scale(seen) * value for term, value in zip(terms, values, strict=True)]
    return {"loss": torch.stack(shares).sum(), **dict(zip(names[1:], values, strict=True))}
