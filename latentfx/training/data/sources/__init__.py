"""The kinds of data, one file a kind: its settings and what makes its examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path

from latentfx.errors import RecipeError, TrustError
from latentfx.training.catalogue import is_code
from latentfx.training.data.source import DataSource
from latentfx.training.own_code import load_code
from latentfx.training.recipes.settings import unknown

KINDS: Mapping[str, str] = {
    "tones": "latentfx.training.data.sources.tones:Tones",
    "notes": "latentfx.training.data.sources.notes:Notes",
    "soundfont": "latentfx.training.data.sources.soundfont:Soundfont",
    "recordings": "latentfx.training.data.sources.recordings:Recordings",
    "stems": "latentfx.training.data.sources.stems:Stems",
    "band": "latentfx.training.data.sources.band:Band",
    "urmp": "latentfx.training.data.sources.urmp:Urmp",
    "waveforms": "latentfx.training.data.sources.waveforms:Waveforms",
    "scales": "latentfx.training.data.sources.scales:Scales",
    "melodies": "latentfx.training.data.sources.melodies:Melodies",
    "ball": "latentfx.training.data.sources.ball:Ball",
    "masks": "latentfx.training.data.sources.masks:Masks",
}


def find_kind(kind: str, where: str, code_folder: Path | None = None) -> type[DataSource]:
    """The class of a kind of data.

    Args:
        kind: a name of `KINDS`, or that of a source of one's own: `my_source.py:Kites`.
        where: the setting that names it, for messages.
        code_folder: folder that sources of one's own lie in; None trusts no code outside latentfx.
    Raises:
        RecipeError: no such kind, or code that is no source.
        TrustError: a source of one's own that is not trusted.
    """
    if kind in KINDS:
        found = load_code(KINDS[kind])
    elif not is_code(kind):
        message = unknown(f"{where} {kind!r}", kind, KINDS)
        raise RecipeError(f"{message} (or a source of your own: my_source.py:CLASS)")
    elif code_folder is None:
        raise TrustError(
            f"{where} {kind!r} is code outside latentfx, which runs when data is loaded. Add --trust "
            f"(trust=True) if you know where it comes from; {', '.join(KINDS)} need no trust"
        )
    else:
        found = load_code(kind, code_folder)
    if not (isinstance(found, type) and issubclass(found, DataSource) and is_dataclass(found)):
        raise RecipeError(
            f"{where} {kind!r} is {found!r}; allowed is a frozen dataclass derived from "
            "latentfx.training.data.source.DataSource"
        )
    return found
