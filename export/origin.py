"""What a plugin file says of its origin: the parts that every method's checkpoint has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def origin(card: Mapping[str, Any], method: str | None = None, paper: str | None = None) -> dict[str, Any]:
    """Provenance from the card of a checkpoint.

    Args:
        card: as `latentfx.training.runs.checkpoint.load_checkpoint` gives it.
        method: its name, for people; as the recipe names it unless given.
        paper: where it was published, if it was.
    """
    return {
        "method": method or card["recipe"]["method"]["name"],
        **({"paper": paper} if paper else {}),
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
