"""Phrases of recorded notes that neither the classifier nor models with the same split have heard.

And the same lines on the notes that they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data import load_data
from latentfx.training.data.example import Audio, Example
from latentfx.training.data.note_bank import NoteBank
from latentfx.training.evaluations.swap.notes import find_notes

SEGMENT_S = 4.0


def held_out_notes(root: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """Names of the recorded notes that the classifier does not hear: every fourth pitch.

    Raises:
        DataError: an instrument has none.
    """
    _, held = find_notes(root, labels)
    absent = set(labels) - {note.instrument for note in held}
    if absent:
        raise DataError(
            f"{root} has no held-out notes (every fourth pitch) of {', '.join(sorted(absent))}; "
            "add notes or drop the instruments"
        )
    return tuple(note.name for note in held)


def held_out_phrases(
    root: Path, labels: Sequence[str], clips: int, sample_rate: int, tunes: Path | None = None, seed: int = 0
) -> dict[str, tuple[Example, ...]]:
    """Play tunes on held-out notes alone, dry, within the range that was recorded.

    Args:
        root: folder of recorded notes with a manifest.
        labels: instruments.
        clips: of each, of 4 s.
        sample_rate: Hz.
        tunes: folder of MIDI files; without it melodies are made up.
        seed: of all chance.
    Raises:
        DataError: an instrument has no held-out notes, or they reach over less than an octave.
    """
    part = {
        "kind": "notes",
        "root": str(root.resolve()),
        "include": list(held_out_notes(root, labels)),
        "tunes": "" if tunes is None else str(tunes.resolve()),
        "seconds_per_instrument": clips * SEGMENT_S,
        "segment_seconds": SEGMENT_S,
        "reverb": 0.0,
        "noise": 0.0,
        "stretch_st": 2.0,
        "reach_st": 0.0,
    }
    table = {"instruments": list(labels), "validation": 0.0, "parts": [part]}
    data = load_data(table, sample_rate, seed)
    return {label: tuple(clip for clip in data.train if clip.instrument == label) for label in labels}


class RealPlayer:
    """The instrument itself, on its recorded notes that are not held out.

    What it makes of another instrument's lines is as near to its held-out phrases as a model of it can be
    asked to come: it is no imitation, has other lines to play, and has not those notes.

    Args:
        root: folder of recorded notes with a manifest.
        instrument: who plays.
        sample_rate: Hz.
    Raises:
        DataError: every recorded note of the instrument is held out, or there are none.
    """

    def __init__(self, root: Path, instrument: str, sample_rate: int) -> None:
        notes, held = find_notes(root, [instrument])
        self._bank = NoteBank([note for note in notes if note not in held], sample_rate)

    def play(self, clip: Example, shift_st: float = 0.0, seed: int = 0) -> Audio:
        """The notes of a clip, moved.

        Shape:
            -> [T], as long as the clip
        """
        notes = [replace(note, pitch_midi=note.pitch_midi + shift_st) for note in clip.notes]
        return self._bank.play(notes, clip.duration_s, np.random.default_rng(seed))[0]


def heard_in_training(card: Mapping[str, Any], notes: Sequence[str]) -> tuple[str, ...]:
    """Which of these recorded notes a model was trained on, by the data card in its file.

    A part that plays recorded notes names those that it held out; it may have heard all others.
    """
    parts = [part for part in card.get("parts", ()) if part.get("kind") == "notes"]
    return tuple(name for name in notes if any(name not in part.get("held_out", ()) for part in parts))
