"""The instruments that have a name here: General MIDI program and playing range.

Source: General MIDI 1 sound set (programs counted from 0); ranges are the usual sounding ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

COMMON_RANGE = (55, 88)
"""G3 to E6: the everyday range of the violin, which melodies are moved into where an instrument allows it."""


@dataclass(frozen=True)
class Instrument:
    """Args: program: General MIDI program from 0. lowest, highest: sounding range, MIDI pitch."""

    program: int
    lowest: int
    highest: int


INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        "violin": Instrument(40, 55, 96),
        "trumpet": Instrument(56, 52, 86),
        "flute": Instrument(73, 60, 96),
        "clarinet": Instrument(71, 50, 92),
        "cello": Instrument(42, 36, 76),
        "altosax": Instrument(65, 49, 82),
        "trombone": Instrument(57, 34, 70),
        "oboe": Instrument(68, 58, 90),
        "horn": Instrument(60, 34, 77),
        "bassoon": Instrument(70, 34, 74),
    }
)
