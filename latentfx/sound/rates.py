"""The sample rates that a format can hold, and the one that is nearest to another."""

from __future__ import annotations

from typing import Final

# Subtype of libsndfile -> its rates, in Hz. Others take any.
_RATES: Final = {
    "MPEG_LAYER_III": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "OPUS": (8000, 12_000, 16_000, 24_000, 48_000),
}
_MOST: Final = {"VORBIS": 200_000, "FLAC": 655_350}  # libsndfile crashes where Vorbis has more
_WHOLE_BAND: Final = 44_100
_SHORT_FLAC: Final = 65_535  # above it, FLAC counts in tens


def rate_for(kind: str, subtype: str, rate: int) -> int:
    """The rate at which a format holds sound of another: the same where it can.

    Otherwise the next higher one, so that nothing is lost; or, above the format's highest, the highest that
    divides the rate, as 48 kHz does 96 kHz.

    Args:
        kind: libsndfile's format.
        subtype: libsndfile's sample format.
        rate: Hz.

    >>> rate_for("OGG", "OPUS", 44_100), rate_for("OGG", "OPUS", 96_000), rate_for("WAV", "PCM_16", 7)
    (48000, 48000, 7)
    """
    known = _RATES.get(subtype)
    if known is not None:
        if rate <= known[-1]:
            return next(held for held in known if held >= rate)
        return next((held for held in known if held >= _WHOLE_BAND and rate % held == 0), known[-1])
    most = _MOST.get(subtype, _MOST.get(kind, rate))
    held = rate // -(-rate // most)
    return held // 10 * 10 if kind == "FLAC" and held > _SHORT_FLAC else held
