"""From a trained latent mixer to a plugin with a side-chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.origin import origin
from latentfx.methods.oplas.mix.model import LatentMix
from latentfx.methods.oplas.mix.streaming import MixAnalysis, MixDecode, MixMask, MixSynthesis, StreamingMix
from latentfx.operators.mix import Mix

from .builder import Builder

PAPER = "Operational latent spaces (2024)"


def build_latent_mix(
    objective: LatentMix, name: str = "latent-mix", default: str | None = None
) -> LatentEffect:
    """Wrap a trained mixer as a plugin with the operator `Mix`: channel 1 is the main, 2 the side-chain.

    Args:
        objective: trained.
        name: of the plugin.
        default: must be None: it has no choice to begin with.
    Raises:
        ExportError: a default.
    """
    if default is not None:
        raise ExportError(f"the default is {default!r}; a mixer has none: set its controls")
    spectra, networks, axis = objective.config.spectra, objective.networks, objective.axis
    effect = LatentEffect(
        name,
        spectra.sample_rate,
        MixAnalysis(spectra.n_fft, spectra.hop_length, axis),
        StreamingMix(networks),
        Mix(MixDecode(networks), MixMask(networks)),
        MixSynthesis(spectra.n_fft, spectra.hop_length, axis),
        in_channels=2,
        gate_side_chain=True,
        description="adds the sound at the side-chain to the main input or takes it away, in latent space",
    )
    return effect.eval().requires_grad_(False)


def _provenance(card: Mapping[str, Any]) -> dict[str, Any]:
    return origin(card, "mixing projector on spectra", PAPER)


BUILDER = Builder(build_latent_mix, _provenance)
