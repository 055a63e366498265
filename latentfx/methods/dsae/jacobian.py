"""J-DSAE: pitch and timbre of instruments apart, without labels.

Stage `timbre` learns the global factor v alone: the decoder sees zeros in place of z. Its encoder and decoder
are then frozen as the teacher. Stage `pitch` trains everything: what changes in the decoded spectrum when v
is exchanged must equal what changes in the teacher's (the Jacobian term), so that z cannot carry timbre.

An autoregressive decoder is shown the same frames in all four decodings of the term, so that v alone differs.

Source: "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled
sequential autoencoder" (2024).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from latentfx.methods.dsae.config import JacobianTerms
from latentfx.methods.dsae.networks import DSAE, sample
from latentfx.methods.dsae.objective import Drawn, DSAEObjective, Weighted


class JacobianDSAE(DSAEObjective):
    """The networks, the teacher and the loss; see `DSAEObjective` for the arguments."""

    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch")
    config: JacobianTerms

    @property
    def local_waits(self) -> bool:
        return self.teacher is None and self.config.stage1_local == "frozen"

    def compare(self, drawn: Drawn) -> tuple[Tensor, dict[str, Weighted]]:
        """Before there is a teacher, decode v alone; then score the Jacobian term too."""
        decoder, target, v = self.networks.decoder, drawn.views.target, drawn.v
        if self.teacher is None or drawn.p_v is None:
            silent = torch.zeros_like(drawn.z[:, :1])
            return decoder.forced(silent, v, decoder.history(target, silent, v)), {}
        x = decoder.history(target, drawn.z, v)
        decoded, jacobian = self.exchanged(self.teacher, drawn.z, v, sample(drawn.p_v), x)
        weight = drawn.reducer.error_scale * self.config.jacobian_weight
        return decoded, {"jacobian": (weight, self.mean_square(jacobian))}

    def exchanged(
        self, teacher: DSAE, z: Tensor, v: Tensor, teacher_v: Tensor, x: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decoded spectra, and how far an exchange of v changes them otherwise than the teacher's.

        Shape:
            z [B, N, Z], v [B, V], teacher_v [B, V], x [B, N, F] -> two of [B, N, F]
        """
        other = torch.randperm(len(v), device=v.device)
        silent = torch.zeros_like(z[:, :1])
        decoded = self.networks.decoder.forced(z, v, x)
        change = self._change(decoded, self.networks.decoder.forced(z, v[other], x))
        before = teacher.decoder.forced(silent, teacher_v, x)
        return decoded, self._change(before, teacher.decoder.forced(silent, teacher_v[other], x)) - change

    def _change(self, before: Tensor, after: Tensor) -> Tensor:
        return self.as_compared(after) - self.as_compared(before)
