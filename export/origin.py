"""What a plugin file says of its origin: the parts that every method's checkpoint has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def origin(card: Mapping[str, Any], method: str, paper: str) -> dict[str, Any]:
    """Provenance from the card of a checkpoint.

    Args:
        card: as `latentfx.training.runs.checkpoint.load_checkpoint` gives it.
        method: its name, for people.
        paper: where it was published.
    """
    return {
        "method": method,
        "paper": paper,
        "recipe": card["recipe"]["recipe"]["name"],
        "seed": card["seed"],
        "step": card["step"],
        "metrics": card["metrics"],
        **({"health": card["health"]} if card.get("health") else {}),
        "data": card["data"],
        "licence": card["licence"] or "not stated",
        "date": card["date"],
        "versions": card["versions"],
    }
