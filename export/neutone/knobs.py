"""Which of a plugin's controls become the four knobs of Neutone FX, and what is said of it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latentfx.spec import PluginSpec

MAX_KNOBS = 4
OWN = ("mix", "input_db", "output_db")  # Neutone FX has these knobs itself


@dataclass(frozen=True)
class Knob:
    """One knob of 0..1.

    Args:
        name: shown.
        text: one line for people.
        default: position at start.
        indices: the control that it turns; of a blend the choices, from one end of the knob to the other.
        low: value at 0.
        high: value at 1.
        log: whether the value grows by ratios.
    """

    name: str
    text: str
    default: float
    indices: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    log: bool = False


@dataclass(frozen=True)
class Words:
    """What Neutone FX shows, within its limits of length."""

    name: str
    short: str
    long: str
    technical: str
    citation: str


def choose_knobs(spec: PluginSpec) -> tuple[Knob, ...]:
    """One knob for each blend, then one for each control that belongs to none; four at most.

    The others stay at their defaults, as do `mix`, `input_db` and `output_db`: the host has its own.
    """
    knobs = []
    for blend in spec.blends:
        labels, last = list(blend.choices), max(len(blend.choices) - 1, 1)
        knobs.append(
            Knob(
                blend.name,
                f"from one to the next: {', '.join(labels)}",
                labels.index(blend.default) / last,
                tuple(spec.index(control) for control in blend.choices.values()),
            )
        )
    blended = {control for blend in spec.blends for control in blend.controls}
    for index, control in enumerate(spec.controls):
        if control.name not in blended and control.name not in OWN:
            text = f"{control.description or control.name}, {control.allowed}"
            place = control.to_unit(control.default)
            ends = (control.minimum, control.maximum, control.curve == "log")
            knobs.append(Knob(control.name, text, place, (index,), *ends))
    return tuple(knobs[:MAX_KNOBS])


def words_of(spec: PluginSpec, provenance: Mapping[str, Any]) -> Words:
    """Name, descriptions and citation."""
    text = spec.description or spec.name
    origin = f"{provenance['method']}; licence: {provenance['licence']}; written by latentfx"
    return Words(spec.name[:30], text[:150], text[:500], origin[:500], str(provenance.get("paper", ""))[:150])
