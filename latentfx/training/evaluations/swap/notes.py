"""Recorded single notes with their labels, and which pitches the instrument classifier does not hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latentfx.arrays import Float32
from latentfx.errors import DataError
from latentfx.training.data.folder import find_recordings
from latentfx.training.data.recording import Recording, read_audio

INSTRUMENTS = ("violin", "trumpet", "flute", "clarinet", "cello", "altosax", "trombone", "oboe")
ALL_INSTRUMENTS = (*INSTRUMENTS, "horn", "bassoon")


@dataclass(frozen=True)
class NoteSet:
    """Recorded notes with their labels.

    Args:
        audio: one recording each.
        labels: instrument of each.
        pitches: MIDI note number of each.
        sample_rate: Hz.
    """

    audio: tuple[Float32, ...]
    labels: tuple[str, ...]
    pitches: tuple[int, ...]
    sample_rate: int


def load_notes(root: Path, labels: Sequence[str] = INSTRUMENTS, sample_rate: int = 16_000) -> NoteSet:
    """Read every single note of the named instruments below a folder with a manifest.

    Raises:
        DataError: an instrument has no notes with a known pitch.
    """
    notes = [r for r in find_recordings(root) if r.kind == "note" and r.instrument in labels]
    known = [(r, round(r.pitch_midi)) for r in notes if r.pitch_midi is not None]
    absent = set(labels) - {r.instrument for r, _ in known}
    if absent:
        raise DataError(f"{root} has no notes of {', '.join(sorted(absent))}; add them or drop the labels")
    return NoteSet(
        tuple(read_audio(r.file, sample_rate) for r, _ in known),
        tuple(r.instrument for r, _ in known),
        tuple(pitch for _, pitch in known),
        sample_rate,
    )


def find_notes(root: Path, labels: Sequence[str]) -> tuple[list[Recording], list[Recording]]:
    """Recorded notes of the named instruments: all of them, and those whose pitch is held out.

    Raises:
        DataError: no recordings.
    """
    notes = [item for item in find_recordings(root) if item.is_note and item.instrument in labels]
    return notes, [n for n in notes if n.pitch_midi is not None and is_held_out(round(n.pitch_midi))]


def is_held_out(pitch_midi: int) -> bool:
    """Whether notes of this pitch, of whatever instrument, are kept for the score: every fourth."""
    return pitch_midi % 4 == 3
