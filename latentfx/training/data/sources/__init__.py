"""The kinds of data, one file a kind: its settings and what makes its examples."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from latentfx.errors import RecipeError
from latentfx.training.data.source import Source
from latentfx.training.recipes.settings import unknown

KINDS: Mapping[str, str] = {
    "tones": "latentfx.training.data.sources.tones:Tones",
    "notes": "latentfx.training.data.sources.notes:Notes",
    "soundfont": "latentfx.training.data.sources.soundfont:Soundfont",
    "recordings": "latentfx.training.data.sources.recordings:Recordings",
    "stems": "latentfx.training.data.sources.stems:Stems",
    "band": "latentfx.training.data.sources.band:Band",
    "urmp": "latentfx.training.data.sources.urmp:Urmp",
}


def find_kind(kind: str, where: str) -> type[Source]:
    """The class of a kind of data.

    Args:
        kind: a name of `KINDS`.
        where: the setting that names it, for messages.
    Raises:
        RecipeError: no such kind.
    """
    if kind not in KINDS:
        raise RecipeError(unknown(f"{where} {kind!r}", kind, KINDS))
    module, name = KINDS[kind].split(":")
    found: type[Source] = getattr(import_module(module), name)
    return found
