"""Loss terms of the swapper, beside those of J-DSAE."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self, cast

import torch
from torch import Tensor

from latentfx.methods.dsae.one_pass import Pass
from latentfx.methods.swapper.harmonic import HarmonicDecoder
from latentfx.methods.swapper.timbres import naming_loss
from latentfx.methods.terms import Term

FAINTEST_SHARE = 1e-7


@dataclass(frozen=True)
class Heard(Pass):
    """What the terms of the swapper read: all that is seen, and this.

    Args:
        instrument: number of each clip's timbre; -1 for none.
        timbres: mean v of every instrument.
        bands: mel filters.
    Shape:
        instrument [B], timbres [K, V], bands [F, M]
    """

    instrument: Tensor
    timbres: Tensor
    bands: Tensor

    @classmethod
    def of(cls, seen: Pass, instrument: Tensor, timbres: Tensor, bands: Tensor) -> Self:
        """Add to what was seen."""
        shared = {field.name: getattr(seen, field.name) for field in fields(seen)}
        return cls(**shared, instrument=instrument, timbres=timbres, bands=bands)


@dataclass(frozen=True)
class Naming(Term[Heard]):
    """Name a clip's instrument from the distances of its own v to the mean v of each; nats."""

    name: str = "naming"

    def __call__(self, heard: Heard) -> Tensor:
        return naming_loss(heard.drawn.v, heard.instrument, heard.timbres)


@dataclass(frozen=True)
class Bands(Term[Heard]):
    """Mean squared error of mel bands of power, as they are played."""

    name: str = "bands"

    def __call__(self, heard: Heard) -> Tensor:
        decoder, target = cast(HarmonicDecoder, heard.networks.decoder), heard.views.target
        played = decoder.played_power(heard.z, heard.v, target)
        wanted = in_bands(torch.exp(2.0 * target), heard.bands)
        return (wanted - in_bands(played, heard.bands)).square().mean()


def in_bands(power: Tensor, bands: Tensor) -> Tensor:
    """Log-magnitude of mel bands of a frame that has the power 1.

    Shape:
        power [B, N, F], bands [F, M] -> [B, N, M]
    """
    share = torch.matmul(power, bands) / power.sum(-1, keepdim=True)
    return 0.5 * torch.log(share + FAINTEST_SHARE)
