"""Settings of the sequential autoencoders: what their objectives share, and the published models on mels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from latentfx.dsp.log_mel import LogMelConfig
from latentfx.errors import RecipeError
from latentfx.methods.dsae.networks import DSAE, AutoregressiveDecoder, Widths

Reduction = Literal["mean", "elbo_sum"]


@dataclass(frozen=True)
class Terms:
    """Weights of the terms of every objective.

    Args:
        beta: weight of the divergence of z; published: 1.
        reduction: `mean` takes means of every term, as in the TS-DSAE code; `elbo_sum` sums over frames and
            bins (half the squared error: a Gaussian of variance 1), then divides the whole loss by their
            number.
    """

    beta: float = 1.0
    reduction: Reduction = "mean"


@dataclass(frozen=True)
class SwapTerms(Terms):
    """Weights of TS-DSAE.

    Args:
        swap_weight: weight of each of the four divergences of re-encoded swaps; published: 1.
    """

    swap_weight: float = 1.0


@dataclass(frozen=True)
class JacobianTerms(Terms):
    """Weights of J-DSAE.

    Args:
        jacobian_weight: weight of the Jacobian term, which is reduced, and with `elbo_sum` halved, as the
            error is; published: 1.
        stage1_local: in stage `timbre`, z and its prior learn from their divergence alone (`kl_only`), or
            wait (`frozen`).
    """

    jacobian_weight: float = 1.0
    stage1_local: Literal["kl_only", "frozen"] = "kl_only"


@dataclass(frozen=True)
class MelNetworks(Widths):
    """The published networks on log-mels: settings of `Widths`, and these.

    Args:
        mel: frames and bands.
        decoder: `factorised`, frame by frame, or `autoregressive`.
        local_context: an autoregressive decoder sees z of the frame before (`past`) or of its own
            (`current`).
        history_dropout: share of the frames before that an autoregressive decoder is not shown in training
            (ours; 0 shows all).
        own_frames: share of the clips in which an autoregressive decoder is shown its own frames in training
            (ours; scheduled sampling by clip).
    """

    mel: LogMelConfig = field(default_factory=LogMelConfig)
    decoder: Literal["factorised", "autoregressive"] = "factorised"
    local_context: Literal["past", "current"] = "past"
    history_dropout: float = 0.0
    own_frames: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.history_dropout < 1.0:
            raise RecipeError(f"method.history_dropout is {self.history_dropout:g}; allowed 0 to below 1")
        if not 0.0 <= self.own_frames <= 1.0:
            raise RecipeError(f"method.own_frames is {self.own_frames:g}; allowed 0 to 1")

    def build_networks(self) -> DSAE:
        """The four networks, fresh."""
        bands = self.mel.n_mels
        sizes = self.between(bands, bands, bands)
        if self.decoder == "factorised":
            return DSAE(sizes)
        current = self.local_context == "current"
        decoder = AutoregressiveDecoder(sizes, current, self.history_dropout, self.own_frames)
        return DSAE(sizes, decoder=decoder)


@dataclass(frozen=True)
class MelDSAEConfig(MelNetworks, Terms):
    """DSAE on mels; see the two bases."""


@dataclass(frozen=True)
class MelTSDSAEConfig(MelNetworks, SwapTerms):
    """TS-DSAE on mels; see the two bases."""


@dataclass(frozen=True)
class MelJDSAEConfig(MelNetworks, JacobianTerms):
    """J-DSAE on mels; see the two bases."""
