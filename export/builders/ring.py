"""From a trained ring of pitch classes to a plugin that turns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.checks.opened import plugin_path
from latentfx.export.origin import origin
from latentfx.export.rebuild import rebuild_plugin
from latentfx.methods.oplas.ring.model import PitchRing
from latentfx.methods.oplas.ring.networks import RingTurn
from latentfx.operators.rotate import Rotate

from .builder import Builder

PAPER = "Operational latent spaces (2024)"


def build_ring(objective: PitchRing, name: str = "ring", default: str | None = None) -> LatentEffect:
    """Wrap a trained ring as a plugin with the operator `Rotate`, between the networks of a swapper.

    Args:
        objective: trained.
        name: of the plugin.
        default: must be None: it has no choice to begin with.
    Raises:
        ExportError: a default, or a swapper whose pitch code is another.
    """
    if default is not None:
        raise ExportError(f"the default is {default!r}; a ring has none: set its controls")
    config = objective.config
    swapper, _ = rebuild_plugin(plugin_path(config.swapper))
    if not isinstance(swapper, LatentEffect) or swapper.spec.sample_rate != config.spectral.sample_rate:
        raise ExportError(f"the ring cannot stand between the networks of {config.swapper!r}")
    hop, rate = config.spectral.hop_length, config.spectral.sample_rate
    effect = LatentEffect(
        name,
        rate,
        swapper.analysis,
        swapper.model,
        Rotate(RingTurn(objective.networks), objective.code, hop, rate, config.spectral.pitch_margin),
        swapper.synthesis,
        description="turns the pitch class round a ring; the octave and the timbre stay",
        high_pass=True,
    )
    return effect.eval().requires_grad_(False)


def _provenance(card: Mapping[str, Any]) -> dict[str, Any]:
    facts = origin(card, "FiLMR ring on pitch codes", PAPER)
    return facts | {"between": card["method_config"]["swapper"]}


BUILDER = Builder(build_ring, _provenance)
