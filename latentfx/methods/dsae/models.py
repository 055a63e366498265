"""The published models on 16 kHz log-mels: DSAE, TS-DSAE and J-DSAE.

All have a global factor v, one a clip, and a local factor z, one a frame. TS-DSAE and J-DSAE train v alone in
stage `timbre`. A frozen copy of the result is the teacher of stage `pitch`, in which everything trains: the
teacher's posterior takes the place of N(0, I) as the prior of v.
"""

from __future__ import annotations

from typing import ClassVar

from latentfx.methods.dsae.config import DSAEConfig, JDSAEConfig, TSDSAEConfig
from latentfx.methods.dsae.objective import Phase, SequentialObjective
from latentfx.methods.dsae.terms import GlobalSwap, Jacobian, LocalSwap, bound, error_scale
from latentfx.methods.dsae.views import MelViews


class MelObjective(SequentialObjective):
    """A model that sees and writes log-mels.

    Args:
        config: networks and frames.
        phases: one a stage.
    """

    features: MelViews

    def __init__(self, config: DSAEConfig, *phases: Phase) -> None:
        super().__init__(config, MelViews(config.mel), config.build_networks(), phases)


class DSAE(MelObjective):
    """DSAE: everything trains at once, with N(0, I) before v.

    Args:
        config: see `DSAEConfig`.

    Source: Li & Mandt, "Disentangled sequential autoencoder" (2018).
    """

    config_type: ClassVar[type] = DSAEConfig
    stages: ClassVar[tuple[str, ...]] = ("train",)

    def __init__(self, config: DSAEConfig) -> None:
        super().__init__(config, Phase(bound(config.beta, config.reduction)))


class TSDSAE(MelObjective):
    """TS-DSAE: two swaps of every pair of clips, encoded again, must give the codes that they are made of.

    In stage `timbre` the local encoder and the prior keep their first weights: the decoder sees a random
    projection of each frame.

    Args:
        config: see `TSDSAEConfig`.

    Source: Luo, Ewert, Dixon, "Towards robust unsupervised disentanglement of sequential data" (2022).
    """

    config_type: ClassVar[type] = TSDSAEConfig
    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch")

    def __init__(self, config: TSDSAEConfig) -> None:
        reduction = config.reduction
        terms = bound(config.beta, reduction)
        weight = 2.0 * config.swap_weight  # a term is the mean over both swaps: half of their sum
        swaps = (GlobalSwap(weight, reduction=reduction), LocalSwap(weight, reduction=reduction))
        super().__init__(config, Phase(terms, local_waits=True), Phase((*terms, *swaps)))


class JDSAE(MelObjective):
    """J-DSAE: an exchange of v must change what is decoded as it changes the teacher's output.

    In stage `timbre` the decoder sees zeros in the place of z, so that the teacher knows v alone. In stage
    `pitch` the Jacobian term then keeps timbre out of z.

    Args:
        config: see `JDSAEConfig`.

    Source: "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled
    sequential autoencoder" (2024).
    """

    config_type: ClassVar[type] = JDSAEConfig
    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch")

    def __init__(self, config: JDSAEConfig) -> None:
        terms = bound(config.beta, config.reduction)
        jacobian = Jacobian(config.jacobian_weight * error_scale(config.reduction))
        waits = config.stage1_local == "frozen"
        super().__init__(config, Phase(terms, decodes_z=False, local_waits=waits), Phase((*terms, jacobian)))
