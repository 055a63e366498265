"""From any trained model that can stream to a plugin with a knob for every dimension of its code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.origin import origin
from latentfx.methods.base import Objective
from latentfx.methods.streaming import Streamable, StreamParts
from latentfx.operators.steer import Steer
from latentfx.plugin import Plugin

from .builder import Builder


def build_steered(
    objective: Objective,
    name: str,
    default: str | None = None,
    *,
    factor: str | None = None,
    names: Sequence[str] = (),
    dimensions: Sequence[int] | None = None,
    evidence: Sequence[str] = (),
    description: str = "",
) -> LatentEffect:
    """Put the operator `Steer` between the encoder and the decoder of a trained model.

    A recipe gives the settings: `[plugin] operator = "steer"`, and `factor`, `names`, `dimensions`,
    `evidence`, `description` beside it.

    Args:
        objective: trained; must be `latentfx.methods.streaming.Streamable`.
        name: of the plugin.
        default: must be None: it has no choice to begin with.
        factor: the factor to steer; the model's own choice unless given.
        names: what its dimensions do, by number.
        dimensions: numbers of the dimensions that get knobs; all unless given.
        evidence: what was measured of its dimensions, by number; the file keeps it, and the knobs tell it.
        description: one line for people.
    Raises:
        ExportError: a default, a model that cannot stream, or a factor that it does not have.
        ControlError: names or dimensions that do not fit the factor.
    """
    if default is not None:
        raise ExportError(f"the default is {default!r}; a steered code has none: set its controls")
    if not isinstance(objective, Streamable):
        raise ExportError(
            f"{type(objective).__name__} cannot stream, so that it cannot be steered live: give it a method "
            "stream_parts (latentfx.methods.streaming), or name a builder in [plugin]"
        )
    parts = objective.stream_parts()
    chosen = factor or parts.factor
    effect = LatentEffect(
        name,
        objective.sample_rate,
        parts.analysis,
        parts.model,
        Steer(chosen, _size_of(parts, chosen), names, dimensions, evidence),
        parts.synthesis,
        high_pass=parts.high_pass,
        description=description or f"every dimension of {chosen} is a knob",
    )
    return effect.eval().requires_grad_(False)


@torch.no_grad()
def _size_of(parts: StreamParts, factor: str) -> int:
    state = {**parts.analysis.initial_state(1), **parts.model.initial_state(1)}
    features, _ = parts.analysis(torch.zeros(1, 1, parts.analysis.hop), state)
    factors, _ = parts.model.encode(features, state)
    if factor not in factors:
        raise ExportError(f"the model has no factor {factor!r}; it has {', '.join(factors)}")
    return factors[factor].shape[1]


def _measure(plugin: Plugin, card: Mapping[str, Any]) -> None:
    """Set what the training measured of the code.

    Raises:
        ExportError: the checkpoint does not hold it.
    """
    assert isinstance(plugin, LatentEffect)
    steer = plugin.operator
    assert isinstance(steer, Steer)
    known = card.get("codes", {})
    if steer.factor not in known:
        raise ExportError(
            f"the checkpoint does not hold mean and deviation of the code {steer.factor!r} (it has: "
            f"{', '.join(known) or 'none'}). Let the training reach a validation with this latentfx, and let "
            "the method's `codes` name it"
        )
    found = known[steer.factor]
    steer.measured(torch.tensor(found["mean"]), torch.tensor(found["deviation"]))


def _provenance(card: Mapping[str, Any]) -> dict[str, Any]:
    plugin = card["recipe"].get("plugin") or {}
    lines = plugin.get("evidence", ())
    known = {str(at): line for at, line in enumerate(lines) if line}
    return origin(card) | ({"dimensions": known} if known else {})


BUILDER = Builder(build_steered, _provenance, finish=_measure)
