"""The published models: DSAE, TS-DSAE and J-DSAE on 16 kHz log-mels."""

from __future__ import annotations

from typing import ClassVar

from latentfx.methods.dsae.config import MelDSAEConfig, MelJDSAEConfig, MelTSDSAEConfig
from latentfx.methods.dsae.jacobian import JacobianDSAE
from latentfx.methods.dsae.objective import DSAEObjective
from latentfx.methods.dsae.tsdsae import TSDSAE
from latentfx.methods.dsae.views import MelViews

MelConfig = MelDSAEConfig | MelTSDSAEConfig | MelJDSAEConfig


class OnMels(DSAEObjective):
    """An objective whose views are log-mels.

    Args:
        config: networks and weights.
    """

    features: MelViews

    def __init__(self, config: MelConfig) -> None:
        super().__init__(config, MelViews(config.mel), config.build_networks())


class MelDSAE(OnMels):
    """DSAE: everything trains at once, with N(0, I) before v."""

    config_type: ClassVar[type] = MelDSAEConfig


class MelTSDSAE(OnMels, TSDSAE):
    """TS-DSAE; see `latentfx.methods.dsae.tsdsae`."""

    config_type: ClassVar[type] = MelTSDSAEConfig


class MelJDSAE(OnMels, JacobianDSAE):
    """J-DSAE; see `latentfx.methods.dsae.jacobian`."""

    config_type: ClassVar[type] = MelJDSAEConfig
