"""What the sequential autoencoders share: one pass through the networks, and a teacher.

A method of the family says what the networks see (`ViewMaker`), which networks they are, and what each stage
adds up (`Phase`).

Source: Li & Mandt, "Disentangled sequential autoencoder" (2018), without an encoder of z that reads v.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import sample
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.one_pass import Drawn, Pass
from latentfx.methods.dsae.views import ViewMaker, Views
from latentfx.methods.terms import Term, add_up


@dataclass(frozen=True)
class Phase:
    """What one stage does.

    Args:
        terms: that are added up.
        decodes_z: the decoder sees z; else zeros in its place, the same for all frames.
        local_waits: the local encoder and the prior of z keep their weights.
    """

    terms: tuple[Term[Any], ...]
    decodes_z: bool = True
    local_waits: bool = False


class SequentialObjective(Objective):
    """The networks, their teacher once there is one, and the loss of every stage.

    Args:
        config: of the method.
        features: of clips, and views of a batch of them.
        networks: fresh.
        phases: one a stage.
    """

    features: ViewMaker
    prepared: Tensor

    def __init__(
        self, config: Any, features: ViewMaker, networks: DSAENetworks, phases: Sequence[Phase]
    ) -> None:
        super().__init__(config)
        self.features, self.networks, self.phases = features, networks, tuple(phases)
        self.phase = self.phases[0]
        self.register_buffer("prepared", torch.zeros((), dtype=torch.bool))
        self.teacher: DSAENetworks | None = None

    @property
    def sample_rate(self) -> int:
        return self.features.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Features of every example; the decoder starts from their mean."""
        cache = self.features.prepare(examples)
        if not self.prepared:
            self.prepared.fill_(True)
            target = cache.frames[self.features.target]
            self.networks.decoder.start_from(target.mean(dim=0, dtype=torch.float32))
        return cache

    def begin_stage(self, index: int) -> None:
        """Freeze a copy as the teacher at the start of the second stage; let z learn, or wait."""
        self.phase = self.phases[index]
        if index == 1:
            self.teacher = copy.deepcopy(self.networks).requires_grad_(False).eval()
        for network in (self.networks.local_encoder, self.networks.prior):
            network.requires_grad_(not self.phase.local_waits)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules but the teacher, which stays in evaluation mode."""
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of the stage; see `latentfx.methods.dsae.terms`."""
        return add_up(self.phase.terms, self.see(batch))

    def see(self, batch: Mapping[str, Tensor]) -> Pass:
        """Encode a batch, draw codes, and decode them."""
        views = self.features(batch)
        drawn = self.draw(views)
        return self.decode(views, drawn, drawn.v)

    def draw(self, views: Views) -> Drawn:
        """Encode, and draw z, then v."""
        networks = self.networks
        q_v, q_z = networks.global_encoder(views.overview, views.active), networks.local_encoder(views.local)
        z = sample(q_z)
        p_v = None if self.teacher is None else self.teacher.global_encoder(views.overview, views.active)
        return Drawn(q_v, q_z, p_v, networks.prior(z), sample(q_v), z)

    def decode(self, views: Views, drawn: Drawn, v: Tensor) -> Pass:
        """Decode z, or silence, with a v.

        Shape:
            v [B, V]
        """
        decoder, z = self.networks.decoder, views.conditioned(drawn.z)
        if not self.phase.decodes_z:
            z = torch.zeros_like(z[:, :1])
        history = decoder.history(views.target, z, v)
        decoded = decoder.forced(z, v, history)
        return Pass(views, drawn, self.networks, self.teacher, v, z, history, decoded)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means of v, for each clip, and of z, for each frame."""
        views, networks = self.features(batch), self.networks
        v, _ = networks.global_encoder(views.overview, views.active)
        z, _ = networks.local_encoder(views.local)
        return {"v": v, "z": z}
