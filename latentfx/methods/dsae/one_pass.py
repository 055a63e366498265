"""What one step of a sequential autoencoder has encoded, drawn and decoded: what its terms read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from latentfx.errors import TrainingError
from latentfx.methods.common.gaussian import Gaussian, sample
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.views import Views


@dataclass(frozen=True)
class Drawn:
    """Posteriors, priors, and one draw from each posterior.

    Args:
        q_v, q_z: posteriors.
        p_v: prior of v: the teacher's posterior; None for N(0, I), as long as there is no teacher.
        p_z: prior of z.
        v: drawn from q_v.
        z: drawn from q_z.
    Shape:
        v [B, V], z [B, N, Z]
    """

    q_v: Gaussian
    q_z: Gaussian
    p_v: Gaussian | None
    p_z: Gaussian
    v: Tensor
    z: Tensor


@dataclass(frozen=True)
class Swaps:
    """Two swaps of every clip, encoded again: first with another clip's v, below them with its z.

    Args:
        found_v, found_z: posteriors of the decoded swaps.
        wanted_v, wanted_z: posteriors of the clips that v and z came from.
    """

    found_v: Gaussian
    found_z: Gaussian
    wanted_v: Gaussian
    wanted_z: Gaussian


@dataclass(frozen=True)
class Pass:
    """A batch after one pass through the networks.

    `other`, `teacher_v` and `swaps` are made when a term first reads them.

    Args:
        views: what the networks saw.
        drawn: codes.
        networks: that are trained.
        teacher: their frozen copy; None before there is one.
        v: that was decoded.
        z: that was decoded, with the conditions that the decoder sees beside it.
        history: frames that the decoder was shown, once for all that is decoded in this step.
        decoded: z and v.
    Shape:
        v [B, V], z [B, N, Z + C] or, where z is silent, [B, 1, Z + C]; history [B, N, F],
        decoded [B, N or 1, F]
    """

    views: Views
    drawn: Drawn
    networks: DSAENetworks
    teacher: DSAENetworks | None
    v: Tensor
    z: Tensor
    history: Tensor
    decoded: Tensor

    @cached_property
    def other(self) -> Tensor:
        """The clip that each clip exchanges a code with: a random permutation.

        Shape:
            [B]
        """
        return torch.randperm(len(self.v), device=self.v.device)

    @cached_property
    def teacher_v(self) -> Tensor:
        """Drawn from the teacher's posterior.

        Shape:
            [B, V]
        """
        if self.drawn.p_v is None:
            raise TrainingError("there is no teacher to compare with; use this term from the second stage on")
        return sample(self.drawn.p_v)

    @cached_property
    def swaps(self) -> Swaps:
        """Swaps are decoded free running.

        The frames before that teacher forcing would show are those of a clip with another v or another z:
        the output would be a copy of that clip, and no swap.
        """
        other, (q_v, q_z), encoders = self.other, (self.drawn.q_v, self.drawn.q_z), self.networks
        decoded = encoders.decoder(_below(self.z, self.z[other]), _below(self.v[other], self.v))
        active = _below(self.views.active, self.views.active)
        return Swaps(
            found_v=encoders.global_encoder(decoded, active),
            found_z=encoders.local_encoder(decoded),
            wanted_v=(_below(q_v[0][other], q_v[0]), _below(q_v[1][other], q_v[1])),
            wanted_z=(_below(q_z[0], q_z[0][other]), _below(q_z[1], q_z[1][other])),
        )

    def mean_square(self, difference: Tensor) -> Tensor:
        """Mean over clips, frames and bins, each bin with its weight.

        Shape:
            [B, N, F] -> a scalar
        """
        return (difference.square() * self.views.bin_weights).mean()


def _below(first: Tensor, second: Tensor) -> Tensor:
    return torch.cat([first, second])
