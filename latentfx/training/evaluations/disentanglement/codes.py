"""Codes of examples, from a trained objective or from the encoder of a plugin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.errors import CheckpointError
from latentfx.methods.base import Objective
from latentfx.training.data.example import Example
from latentfx.training.evaluations.evaluation import Encode

Float64 = NDArray[np.float64]
BATCH = 64


@dataclass(frozen=True)
class Code:
    """Code of one example in one latent space.

    Args:
        mean: the code; of a posterior, its mean.
        deviation: of the posterior; None where there is none.
    Shape:
        both [D] or [N, D]
    """

    mean: Float64
    deviation: Float64 | None = None


Codes = dict[str, Code]


class CodeReader(ABC):
    """Reads the codes of examples."""

    @abstractmethod
    def read(self, examples: Sequence[Example]) -> list[Codes]:
        """Codes of each example by latent space.

        Raises:
            CheckpointError: the model tells no codes, or leaves some out.
        """


class ObjectiveCodes(CodeReader):
    """Codes of a trained objective.

    Args:
        name: of the model, for messages.
        objective: in evaluation mode.
    """

    def __init__(self, name: str, objective: Objective) -> None:
        self._name = name
        self._objective = objective

    @torch.no_grad()
    def read(self, examples: Sequence[Example]) -> list[Codes]:
        """See `CodeReader`. Examples of one length are read in batches."""
        features = self._objective.prepare(examples)
        lengths = features.lengths
        if len(lengths) != len(examples):
            raise CheckpointError(
                f"{self._name} makes {len(lengths)} clips of {len(examples)} examples, so that their labels "
                "cannot be told; judge a model whose `prepare` makes one clip an example"
            )
        found: list[Codes] = [{} for _ in examples]
        for length in lengths.unique().tolist():
            for members in torch.nonzero(lengths == length).flatten().split(BATCH):
                batch = features.crop(members, torch.zeros_like(members), length)
                for position, codes in zip(members.tolist(), self._read(batch, len(members)), strict=True):
                    found[position] = codes
        return found

    def _read(self, batch: Mapping[str, Tensor], count: int) -> list[Codes]:
        posteriors = self._objective.posteriors(batch)
        codes = {name: q[0] for name, q in posteriors.items()} or self._objective.codes(batch)
        wrong = [name for name, code in codes.items() if len(code) != count or code.ndim not in (2, 3)]
        if wrong or not codes:
            raise CheckpointError(
                f"{self._name} tells no code of every example ({', '.join(wrong) or 'it has no codes'}); "
                "judge a model whose `codes` are [B, D] or [B, N, D]"
            )
        deviations = {name: torch.exp(0.5 * q[1]) for name, q in posteriors.items()}
        return [
            {
                name: Code(_array(code[at]), _array(deviations[name][at]) if name in deviations else None)
                for name, code in codes.items()
            }
            for at in range(count)
        ]


class PluginCodes(CodeReader):
    """Codes of a plugin with its controls at rest: what `encode` gives in nn~.

    Args:
        encode: see `latentfx.training.evaluations.evaluation.Encode`.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def read(self, examples: Sequence[Example]) -> list[Codes]:
        """See `CodeReader`. Every example is a stream of its own."""
        return [
            {name: Code(np.asarray(code, dtype=np.float64)) for name, code in self._encode(e.audio).items()}
            for e in examples
        ]


def _array(value: Tensor) -> Float64:
    return np.asarray(value.double().numpy())
