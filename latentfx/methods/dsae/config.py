"""Settings of the published models on log-mels: the `[method]` table of their recipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from latentfx.dsp.log_mel import LogMelConfig
from latentfx.errors import RecipeError
from latentfx.methods.dsae.decoders import AutoregressiveDecoder
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.terms import Reduction
from latentfx.methods.dsae.widths import Widths


@dataclass(frozen=True)
class DSAEConfig(Widths):
    """DSAE: settings of `Widths`, and these.

    Args:
        mel: frames and bands.
        decoder: `factorised`, frame by frame, or `autoregressive`.
        local_context: an autoregressive decoder sees z of the frame before (`past`) or of its own
            (`current`).
        history_dropout: share of the frames before that an autoregressive decoder is not shown in training
            (ours; 0 shows all).
        own_frames: share of the clips in which an autoregressive decoder is shown its own frames in training
            (ours; scheduled sampling by clip).
        beta: weight of the divergence of z; published: 1.
        reduction: `mean` takes means of every term, as in the TS-DSAE code; `elbo_sum` sums over frames and
            bins (half the squared error: a Gaussian of variance 1), then divides the whole loss by their
            number.
    """

    mel: LogMelConfig = field(default_factory=LogMelConfig)
    decoder: Literal["factorised", "autoregressive"] = "factorised"
    local_context: Literal["past", "current"] = "past"
    history_dropout: float = 0.0
    own_frames: float = 0.0
    beta: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        if not 0.0 <= self.history_dropout < 1.0:
            raise RecipeError(f"method.history_dropout is {self.history_dropout:g}; allowed 0 to below 1")
        if not 0.0 <= self.own_frames <= 1.0:
            raise RecipeError(f"method.own_frames is {self.own_frames:g}; allowed 0 to 1")

    def build_networks(self) -> DSAENetworks:
        """The four networks, fresh."""
        bands = self.mel.n_mels
        sizes = self.between(bands, bands, bands)
        if self.decoder == "factorised":
            return DSAENetworks(sizes)
        current = self.local_context == "current"
        decoder = AutoregressiveDecoder(sizes, current, self.history_dropout, self.own_frames)
        return DSAENetworks(sizes, decoder=decoder)


@dataclass(frozen=True)
class TSDSAEConfig(DSAEConfig):
    """TS-DSAE: settings of DSAE, and this one.

    Args:
        swap_weight: weight of each of the four divergences of re-encoded swaps; published: 1.
    """

    swap_weight: float = 1.0


@dataclass(frozen=True)
class JDSAEConfig(DSAEConfig):
    """J-DSAE: settings of DSAE, and these.

    Args:
        jacobian_weight: weight of the Jacobian term, which is reduced, and with `elbo_sum` halved, as the
            error is; published: 1.
        stage1_local: in stage `timbre`, z and its prior learn from their divergence alone (`kl_only`), or
            wait (`frozen`).
    """

    jacobian_weight: float = 1.0
    stage1_local: Literal["kl_only", "frozen"] = "kl_only"
