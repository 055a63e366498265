"""TS-DSAE: a global factor that learns alone first, then swaps that must come back as what went in.

Stage `timbre` learns v; the local encoder and the prior stay as they were born, so the decoder sees a random
projection of each frame. Stage `pitch` trains everything: v is held to the posterior that the first stage
found for the same clip, and two swaps of every pair of clips, encoded again, must give the codes that they
were decoded from.

Swaps are decoded free running, also in training: the frames before that teacher forcing would show are those
of a clip with another v or another z, so its output would be a copy of that clip, and no swap.

Source: Luo, Ewert, Dixon, "Towards robust unsupervised disentanglement of sequential data" (2022).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from latentfx.errors import ShapeError
from latentfx.methods.dsae.config import SwapTerms
from latentfx.methods.dsae.networks import DSAE, kl_divergence
from latentfx.methods.dsae.objective import Drawn, DSAEObjective, Weighted
from latentfx.methods.dsae.views import ViewMaker


class TSDSAE(DSAEObjective):
    """The networks and the loss.

    Args:
        config: weights of the terms.
        features: encoders must read what the decoder writes, for swaps are encoded again.
        networks: fresh.
    Raises:
        ShapeError: encoders that cannot read what the decoder writes.
    """

    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch")
    config: SwapTerms

    def __init__(self, config: SwapTerms, features: ViewMaker, networks: DSAE) -> None:
        sizes = networks.config
        if not sizes.n_global == sizes.n_local == sizes.n_output or sizes.conditions:
            raise ShapeError(
                f"encoders read {sizes.n_global} and {sizes.n_local} features a frame, the decoder writes "
                f"{sizes.n_output} from z, v and {sizes.conditions} more; TS-DSAE encodes what was decoded: "
                "allowed one size for all three, and nothing more"
            )
        super().__init__(config, features, networks)

    @property
    def local_waits(self) -> bool:
        return self.teacher is None

    def compare(self, drawn: Drawn) -> tuple[Tensor, dict[str, Weighted]]:
        """In the second stage: the four divergences between swaps and what they were made of."""
        decoded, more = super().compare(drawn)
        if self.teacher is None:
            return decoded, more
        other = torch.randperm(len(drawn.v), device=drawn.v.device)
        # Two swaps of each clip, one below the other: another clip's v, then another clip's z.
        z, v = _below(drawn.z, drawn.z[other]), _below(drawn.v[other], drawn.v)
        swaps = self.networks.decoder(z, v)
        found_v = self.networks.global_encoder(swaps, _below(drawn.views.active, drawn.views.active))
        found_z = self.networks.local_encoder(swaps)
        wanted_v = _below(drawn.q_v[0][other], drawn.q_v[0]), _below(drawn.q_v[1][other], drawn.q_v[1])
        wanted_z = _below(drawn.q_z[0], drawn.q_z[0][other]), _below(drawn.q_z[1], drawn.q_z[1][other])
        # The mean over both swaps is half of their sum.
        weight = 2.0 * self.config.swap_weight
        more["swap_v"] = weight, drawn.reducer.clips(kl_divergence(found_v, wanted_v))
        more["swap_z"] = weight, drawn.reducer.frames(kl_divergence(found_z, wanted_z))
        return decoded, more


def _below(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second])
