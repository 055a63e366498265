"""Which plugin is built from which method's checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from latentfx.errors import ExportError
from latentfx.methods.base import Objective
from latentfx.plugin import Plugin

from . import latent_mix, ring, swapper


@dataclass(frozen=True)
class Builder:
    """How the checkpoints of one method become plugins.

    Args:
        build: makes the plugin from the trained objective, its name, and the choice at start (None: its own).
        provenance: what the file says of its origin, from the checkpoint's card.
        as_if_trained: lets an objective whose weights are still to come pass for a trained one.
    """

    build: Callable[[Any, str, str | None], Plugin]
    provenance: Callable[[Mapping[str, Any]], dict[str, Any]]
    as_if_trained: Callable[[Any], None]


BUILDERS: Mapping[str, Builder] = {
    "jdsae": Builder(swapper.build_swapper, swapper.swapper_provenance, swapper.as_if_trained),
    "latent_mix": Builder(
        latent_mix.build_latent_mix, latent_mix.latent_mix_provenance, latent_mix.as_if_trained
    ),
    "pitch_ring": Builder(ring.build_ring, ring.ring_provenance, ring.as_if_trained),
}


def build_plugin(
    objective: Objective, card: Mapping[str, Any], name: str, default: str | None = None
) -> tuple[Plugin, dict[str, Any]]:
    """Wrap a trained objective as the plugin of its method.

    Args:
        objective: as `latentfx.training.checkpoint.load_checkpoint` gives it.
        card: of its checkpoint.
        name: of the plugin.
        default: what its operator is set to at start, a timbre for example.
    Returns:
        The plugin, and its provenance.
    Raises:
        ExportError: a method without a plugin, or a default that the plugin does not have.
    """
    method = str(card["recipe"]["method"]["name"])
    if method not in BUILDERS:
        raise ExportError(
            f"no plugin is built from the method {method!r}; allowed: {', '.join(BUILDERS)}. "
            "Build one with latentfx.effect.LatentEffect and give it to latentfx.export.export_onnx"
        )
    builder = BUILDERS[method]
    return builder.build(objective, name, default), builder.provenance(card)
