"""Loss terms of the latent mixer, beside those of the projector."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from latentfx.methods.oplas.terms import Projected
from latentfx.methods.terms import Term

MASK_FLOOR = 1e-3


class Decoded(Protocol):
    """Compressed magnitudes in bands, and what was decoded in their place.

    Shape:
        bands [B, bands], decoded [B, bands]
    """

    @property
    def bands(self) -> Tensor: ...
    @property
    def decoded(self) -> Tensor: ...


@dataclass(frozen=True)
class Reconstructed:
    """A pass through the autoencoder; see `Decoded`."""

    bands: Tensor
    decoded: Tensor


@dataclass(frozen=True)
class Mixed(Projected):
    """A pass through autoencoder and projector: all of `Projected`, `Decoded`, and this.

    Args:
        bands: of the remainder, of the mix, and of the mix.
        decoded: from h(mix) - h(side), from h(mix), and from h(remainder) + h(stem).
        mix: spectra.
        rest: spectra of the remainder.
        mask: that should leave the remainder of the mix.
    Shape:
        bands [3 B, bands], decoded [3 B, bands], mix [B, 2, F], rest [B, 2, F], mask [B, F]
    """

    bands: Tensor
    decoded: Tensor
    mix: Tensor
    rest: Tensor
    mask: Tensor

    @classmethod
    def of(
        cls, projected: Projected, bands: Tensor, decoded: Tensor, mix: Tensor, rest: Tensor, mask: Tensor
    ) -> Self:
        """Add to what was projected."""
        shared = {field.name: getattr(projected, field.name) for field in fields(projected)}
        return cls(**shared, bands=bands, decoded=decoded, mix=mix, rest=rest, mask=mask)


@dataclass(frozen=True)
class BandError(Term[Decoded]):
    """Mean squared error of what was decoded."""

    name: str = "decoded"

    def __call__(self, seen: Decoded) -> Tensor:
        return functional.mse_loss(seen.decoded, seen.bands)


@dataclass(frozen=True)
class Masked(Term[Mixed]):
    """How far the mix under the mask is from the remainder, in bel against the mix."""

    name: str = "masked"

    def __call__(self, seen: Mixed) -> Tensor:
        energy = seen.mix.square().sum((-2, -1)).clamp(min=1e-6)
        missed = (seen.mask.unsqueeze(1) * seen.mix - seen.rest).square().sum((-2, -1)) / energy
        return torch.log10(missed + MASK_FLOOR).mean()
