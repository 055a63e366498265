"""Which plugin is built from which method's checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from latentfx.errors import ExportError
from latentfx.methods.base import Objective
from latentfx.plugin import Plugin
from latentfx.training.catalogue import todays_name

from . import latent_mix, ring, swapper


@dataclass(frozen=True)
class Builder:
    """How the checkpoints of one method become plugins.

    Args:
        build: makes the plugin from the trained objective, its name, and the choice at start (None: its own).
        provenance: what the file says of its origin, from the checkpoint's card.
        as_if_trained: lets an objective whose weights are still to come pass for a trained one.
        at_latency: gives the settings by which the same weights play with another latency (samples); None
            where there is one latency alone.
    """

    build: Callable[[Any, str, str | None], Plugin]
    provenance: Callable[[Mapping[str, Any]], dict[str, Any]]
    as_if_trained: Callable[[Any], None]
    at_latency: Callable[[Any, int], Any] | None = None


BUILDERS: Mapping[str, Builder] = {
    "swapper": Builder(
        swapper.build_swapper, swapper.swapper_provenance, swapper.as_if_trained, swapper.at_latency
    ),
    "latent-mix": Builder(
        latent_mix.build_latent_mix, latent_mix.latent_mix_provenance, latent_mix.as_if_trained
    ),
    "pitch-ring": Builder(ring.build_ring, ring.ring_provenance, ring.as_if_trained),
}


def builder_of(method: str) -> Builder:
    """The builder of a method.

    Raises:
        ExportError: a method without a plugin.
    """
    method = todays_name(method)
    if method not in BUILDERS:
        raise ExportError(
            f"no plugin is built from the method {method!r}; allowed: {', '.join(BUILDERS)}. "
            "Build one with latentfx.effect.LatentEffect and give it to latentfx.export.export_onnx"
        )
    return BUILDERS[method]


def set_latency(objective: Objective, method: str, latency: int) -> None:
    """Let a trained objective play with another latency.

    Args:
        latency: samples.
    Raises:
        ExportError: a method that has one latency alone, or a latency that the model cannot have.
    """
    method = todays_name(method)
    change = builder_of(method).at_latency
    if change is None:
        able = ", ".join(name for name, builder in BUILDERS.items() if builder.at_latency)
        raise ExportError(
            f"a plugin of the method {method!r} has one latency alone; leave the option out "
            f"(methods that have a choice: {able})"
        )
    objective.config = change(objective.config, latency)


def build_plugin(
    objective: Objective, card: Mapping[str, Any], name: str, default: str | None = None
) -> tuple[Plugin, dict[str, Any]]:
    """Wrap a trained objective as the plugin of its method.

    Args:
        objective: as `latentfx.training.runs.checkpoint.load_checkpoint` gives it.
        card: of its checkpoint.
        name: of the plugin.
        default: what its operator is set to at start, a timbre for example.
    Returns:
        The plugin, and its provenance.
    Raises:
        ExportError: a method without a plugin, or a default that the plugin does not have.
    """
    builder = builder_of(str(card["recipe"]["method"]["name"]))
    return builder.build(objective, name, default), builder.provenance(card)
