"""The mixing projector on embeddings of a pretrained encoder: VGGish or CLAP, one embedding for a clip.

Source: "Operational latent spaces" (2024), mixing with real audio, and its public code, whose weights of the
terms these are; the code has the inverse commented out, here it weighs 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.oplas.mix.clap import Clap, load_clap
from latentfx.methods.oplas.mix.frames import grouped
from latentfx.methods.oplas.mix.vggish import VGGish, load_vggish
from latentfx.methods.oplas.projector import MixingProjector, Projector
from latentfx.methods.oplas.terms import Projected, additivity, mixing_terms, project
from latentfx.methods.terms import Term, add_up

RATES = {"vggish": 16_000, "clap": 48_000}


@dataclass(frozen=True)
class EmbeddingMixConfig:
    """Settings of the method.

    Args:
        encoder: whose embeddings.
        weights: file of VGGish's weights, or folder of a CLAP model; see `load_vggish` and `load_clap`.
        size: dimensions of an embedding: 128 of VGGish, 512 of CLAP.
        widen: hidden layers are so many times wider.
        blocks: residual layers of h, and of hinv.
        dropout: in these.
        stems: sounds in a mix; clips with more have theirs grouped.
        mix, variance, covariance, inverse: weights of the terms.
        unit: weight of the squared distance of lengths from 1.
    """

    weights: str
    encoder: Literal["vggish", "clap"] = "vggish"
    size: int = 128
    widen: int = 4
    blocks: int = 6
    dropout: float = 1e-3
    stems: int = 4
    mix: float = 1.0
    variance: float = 1e-5
    covariance: float = 0.1
    inverse: float = 1.0
    unit: float = 0.01


@dataclass(frozen=True)
class UnitLength(Term[Projected]):
    """Squared distance of the lengths of sums and mixes from 1."""

    name: str = "unit"

    def __call__(self, seen: Projected) -> Tensor:
        lengths: Tensor = torch.linalg.vector_norm(seen.both, dim=-1)
        return (lengths - 1.0).square().mean()


class EmbeddingMix(Objective):
    """h and hinv on embeddings of clips, their stems and their mixes.

    Args:
        config: see `EmbeddingMixConfig`.
    """

    config_type = EmbeddingMixConfig
    stages = ("mix",)
    config: EmbeddingMixConfig

    def __init__(self, config: EmbeddingMixConfig) -> None:
        super().__init__(config)

        def network() -> Projector:
            width = config.widen * config.size
            return Projector(config.size, width, config.blocks, dropout=config.dropout, bias=False)

        self.projector = MixingProjector(network(), network())
        published = mixing_terms(config.mix, config.variance, config.covariance, config.inverse)
        self.terms = (*published, UnitLength(config.unit))

    @property
    def sample_rate(self) -> int:
        return RATES[self.config.encoder]

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Embeddings of every example's stems and of their mix, one row an example.

        Raises:
            CheckpointError: an encoder that cannot be read.
            DataError: a clip without stems.
            RecipeError: embeddings of another size.
        """
        config = self.config
        encoder: VGGish | Clap = (
            load_vggish(config.weights) if config.encoder == "vggish" else load_clap(config.weights)
        )
        if encoder.size != config.size:
            raise RecipeError(f"setting method.size is {config.size}; {config.weights} has {encoder.size}")
        made = []
        for example in examples:
            stems = grouped(example, config.stems)
            embedded = torch.stack([encoder.embed(audio) for audio in (*stems, stems.sum(0))])
            made.append({"stems": embedded[None, :-1], "mix": embedded[None, -1]})
        return FeatureCache.join(made)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published terms, and `additivity`, the error that they are about.

        Shape:
            stems [B, N, K, D], mix [B, N, D] -> every value a scalar
        """
        stems, mix = batch["stems"].flatten(0, 1).transpose(0, 1), batch["mix"].flatten(0, 1)
        seen = project(self.projector.into, self.projector.back, stems, mix, alone=stems[0])
        return {**add_up(self.terms, seen), "additivity": additivity(seen)}
