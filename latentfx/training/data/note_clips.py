"""Clips of single notes on a fixed grid of time, as the experiments of SPS use them.

A note is 4 hops of sound and 1 hop of silence. Each note is rendered once for each instrument and pitch, and
every clip with that note holds the same samples. Renderings are made at 16 kHz by fluidsynth itself, with its
reverb and chorus and its default gain, as published.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentfx.training.data.example import Audio, Example, Label, Note
from latentfx.training.data.fluidsynth import SoundFont, default_cache

HOP = 512
SOUNDING_HOPS, SILENT_HOPS = 4, 1
HELD_S, PHRASE_S = 0.228, 0.24
VELOCITY_100 = 80 / 107
GAIN = 0.2
SIXTEEN_KHZ = 16_000

PROGRAMS: Mapping[str, int] = {
    "accordion": 21,
    "acoustic bass": 32,
    "banjo": 105,
    "baritone saxophone": 67,
    "bassoon": 70,
    "celesta": 8,
    "church bells": 14,
    "clarinet": 71,
    "clavichord": 7,
    "dulcimer": 15,
    "electric bass": 33,
    "electric guitar": 26,
    "electric organ": 16,
    "electric piano": 2,
    "english horn": 69,
    "flute": 73,
    "fretless bass": 35,
    "glockenspiel": 9,
    "guitar": 24,
    "harmonica": 22,
    "harp": 46,
    "harpsichord": 6,
    "horn": 60,
    "kalimba": 108,
    "koto": 107,
    "mandolin": 48,
    "marimba": 12,
    "oboe": 68,
    "ocarina": 79,
    "organ": 19,
    "pan flute": 75,
    "piano": 0,
    "piccolo": 72,
    "recorder": 74,
    "reed organ": 20,
    "sampler": 55,
    "saxophone": 65,
    "shakuhachi": 77,
    "shamisen": 106,
    "shehnai": 111,
    "sitar": 104,
    "soprano saxophone": 64,
    "steel drum": 114,
    "timpani": 47,
    "trombone": 57,
    "trumpet": 56,
    "tuba": 58,
    "vibraphone": 11,
    "viola": 41,
    "violin": 40,
    "violoncello": 42,
    "whistle": 78,
    "xylophone": 13,
}
"""General MIDI programs, from 0, of the 53 instruments of SPS+. "mandolin" is played by strings, as there."""

RANGES: Mapping[str, tuple[int, int]] = {
    "accordion": (58, 96),
    "acoustic bass": (48, 96),
    "baritone saxophone": (36, 72),
    "tuba": (36, 72),
    "clarinet": (41, 84),
    "electric bass": (40, 84),
    "english horn": (36, 85),
    "flute": (48, 96),
    "piccolo": (48, 96),
    "whistle": (48, 96),
    "bassoon": (36, 84),
    "clavichord": (36, 84),
    "dulcimer": (36, 84),
    "fretless bass": (36, 84),
    "saxophone": (36, 84),
}
WIDEST = (36, 96)


def range_of(instrument: str) -> tuple[int, int]:
    """Lowest and highest MIDI pitch that an instrument of SPS+ plays."""
    return RANGES.get(instrument, WIDEST)


def open_font(path: Path, cache: bool) -> SoundFont:
    """A soundfont that is rendered as published."""
    kept = default_cache() if cache else None
    return SoundFont(path, kept, GAIN, rate=SIXTEEN_KHZ, effects=True)


@dataclass(frozen=True)
class NoteRenderer:
    """Single notes of a soundfont, each rendered once.

    Args:
        font: see `open_font`.
        sample_rate: of the notes, Hz.
    """

    font: SoundFont
    sample_rate: int = SIXTEEN_KHZ

    def render(self, instrument: str, pitches: Iterable[float]) -> dict[float, Audio]:
        """Notes of one instrument, by MIDI pitch; fractions are played by pitch bend.

        Shape:
            -> each [2048], with a fade over the last 512 samples
        """
        wanted = sorted(set(pitches))
        phrases = [(Note(0.0, HELD_S, pitch, VELOCITY_100),) for pitch in wanted]
        rendered = self.font.play(PROGRAMS[instrument], phrases, PHRASE_S, self.sample_rate)
        return {pitch: _cut(audio) for pitch, audio in zip(wanted, rendered, strict=True)}


def _cut(audio: Audio) -> Audio:
    cut = audio[: SOUNDING_HOPS * HOP].copy()
    cut[-HOP:] *= np.linspace(1.0, 0.0, HOP, dtype=np.float32)
    return cut


def clip_of(
    pitches: Sequence[float], notes: Mapping[float, Audio], instrument: str, source: str, sample_rate: int
) -> Example:
    """Notes one after another on the grid.

    Args:
        pitches: MIDI, one a note.
        notes: by pitch.
        instrument: label.
        source: name of the clip.
        sample_rate: Hz.
    """
    step = (SOUNDING_HOPS + SILENT_HOPS) * HOP
    audio = np.zeros(step * len(pitches), dtype=np.float32)
    for index, pitch in enumerate(pitches):
        audio[index * step : index * step + SOUNDING_HOPS * HOP] = notes[pitch]
    labels: dict[str, Label] = {"instrument": instrument, "pitch": np.asarray(pitches, dtype=np.float64)}
    seconds = step / sample_rate
    heard = tuple(
        Note(i * seconds, i * seconds + SOUNDING_HOPS * HOP / sample_rate, pitch)
        for i, pitch in enumerate(pitches)
    )
    return Example({"audio": audio}, float(sample_rate), labels, source, heard)


def clips_of(
    lines: Mapping[str, Sequence[float]], instrument: str, renderer: NoteRenderer
) -> tuple[Example, ...]:
    """Clips of one instrument.

    Args:
        lines: name of a clip -> its pitches.
        instrument: a name of `PROGRAMS`.
        renderer: plays the notes.
    """
    notes = renderer.render(instrument, (pitch for line in lines.values() for pitch in line))
    made = functools.partial(clip_of, notes=notes, instrument=instrument, sample_rate=renderer.sample_rate)
    return tuple(made(line, source=name) for name, line in lines.items())
