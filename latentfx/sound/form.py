"""The form of a sound file to be written: format, sample format and rate, as near to the source as can be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import soundfile

from latentfx.errors import AudioFileError
from latentfx.sound.rates import rate_for
from latentfx.sound.reader import AudioInfo

# Suffix -> libsndfile's format, and the subtype for material without one of its own.
WRITTEN: Final = {
    ".aif": ("AIFF", "PCM_24"),
    ".aiff": ("AIFF", "PCM_24"),
    ".au": ("AU", "PCM_24"),
    ".caf": ("CAF", "PCM_24"),
    ".flac": ("FLAC", "PCM_24"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".oga": ("OGG", "VORBIS"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".rf64": ("RF64", "PCM_24"),
    ".w64": ("W64", "PCM_24"),
    ".wav": ("WAV", "PCM_24"),
    ".wave": ("WAV", "PCM_24"),
}
FLOATING: Final = ("FLOAT", "DOUBLE")
_FAMILIES: Final = {"WAV": "WAV", "WAVEX": "WAV", "RF64": "WAV", "AIFF": "AIFF"}
_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
_ALAC = {"ALAC_16": "PCM_16", "ALAC_20": "PCM_24", "ALAC_24": "PCM_24", "ALAC_32": "PCM_32"}
_MAX_WAV_BYTES = 4_200_000_000


@dataclass(frozen=True)
class Form:
    """How a sound file is written.

    Args:
        kind: libsndfile's format.
        subtype: libsndfile's sample format.
        sample_rate: Hz; another than the source's where the format cannot have that.
    """

    kind: str
    subtype: str
    sample_rate: int

    @property
    def family(self) -> str | None:
        """Which chunks of other files it can hold; see `latentfx.sound.chunks.Extras`."""
        return _FAMILIES.get(self.kind)

    def __str__(self) -> str:
        name = {"VORBIS": "Ogg Vorbis", "OPUS": "Opus"}.get(self.subtype)
        return name or {"WAVEX": "WAV"}.get(self.kind, self.kind)


def choose_form(path: Path, like: AudioInfo) -> Form:
    """The form of a file, from its suffix and the source.

    Raises:
        AudioFileError: a suffix of no format that can be written; no channels or no rate.
    """
    if path.suffix.lower() not in WRITTEN:
        known = " ".join(WRITTEN)
        raise AudioFileError(f"{path.name!r} ends in no format that can be written; choose one of {known}")
    if like.channels < 1 or like.sample_rate < 1:
        raise AudioFileError(
            f"{like.channels} channels at {like.sample_rate} Hz cannot be written; give at least 1"
        )
    kind, fallback = WRITTEN[path.suffix.lower()]
    subtype = _subtype(kind, fallback, like.subtype)
    if kind == "WAV" and like.frames * like.channels * _BYTES.get(subtype, 0) > _MAX_WAV_BYTES:
        kind = "RF64"
    elif kind == "WAV" and like.extras is not None and like.extras.speakers is not None:
        kind = "WAVEX"
    return Form(kind, subtype, rate_for(kind, subtype, like.sample_rate))


def _subtype(kind: str, fallback: str, wanted: str) -> str:
    """Keep the source's sample format, or the nearest depth that the format has."""
    wanted = _ALAC.get(wanted, wanted)
    if fallback in ("VORBIS", "OPUS", "MPEG_LAYER_III"):
        return fallback
    if wanted in _BYTES and soundfile.check_format(kind, wanted):
        return wanted
    if wanted in ("PCM_U8", "PCM_S8"):
        return "PCM_S8" if wanted == "PCM_U8" and soundfile.check_format(kind, "PCM_S8") else "PCM_U8"
    if wanted in ("PCM_24", "PCM_32", *FLOATING):
        return fallback
    return "PCM_16"
