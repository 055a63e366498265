"""Monophonic tunes: read from MIDI files or made up, put into an instrument's range, and performed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.training.data.example import Note
from latentfx.training.data.instruments import COMMON_RANGE

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), tuple(range(12)))
SHORTEST_S, LONGEST_S = 0.08, 1.2
SHORTEST_LAST_NOTE_S = 0.06
DETUNE_ST = 0.1
NARROWEST_ST = 12.0


@dataclass(frozen=True)
class Tune:
    """A monophonic line. Args: name: where it comes from. notes: in order of time, not overlapping."""

    name: str
    notes: tuple[Note, ...]


def find_tunes(folder: Path) -> list[Path]:
    """List the `.mid` files below a folder, in the order of their paths.

    Raises:
        DataError: there are none.
    """
    files = sorted(folder.rglob("*.mid"))
    if not files:
        raise DataError(f"no .mid file below {folder}; name a folder of monophonic MIDI files")
    return files


@lru_cache(maxsize=2048)
def read_tune(path: Path) -> Tune:
    """Read one MIDI file as a monophonic line: a new note ends the one before it.

    Raises:
        DataError: not a MIDI file, or fewer than two notes.
    """
    try:
        events = _timed_messages(mido.MidiFile(path, clip=True))
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} cannot be read as MIDI ({error}); replace it or move it away") from error
    notes: list[Note] = []
    sounding: Note | None = None
    for now_s, message in events:
        starts = message.type == "note_on" and message.velocity > 0
        ends = message.type in ("note_on", "note_off") and not starts
        if sounding is not None and (starts or (ends and message.note == sounding.pitch_midi)):
            if now_s > sounding.start_s:
                notes.append(replace(sounding, end_s=now_s))
            sounding = None
        if starts:
            sounding = Note(now_s, now_s, float(message.note), message.velocity / 127)
    if len(notes) < 2:
        raise DataError(f"{path} has {len(notes)} notes; a tune needs at least 2: move it away")
    return Tune(path.stem, tuple(notes))


def _timed_messages(file: mido.MidiFile) -> list[tuple[float, mido.Message]]:
    """The messages of all tracks in order, with their times in seconds (mido's own iterator is slow)."""
    ticked: list[tuple[int, mido.Message]] = []
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            ticked.append((tick, message))
    ticked.sort(key=lambda item: item[0])
    timed: list[tuple[float, mido.Message]] = []
    tempo, last_tick, now_s = 500_000, 0, 0.0
    for tick, message in ticked:
        now_s += (tick - last_tick) * tempo / (1e6 * file.ticks_per_beat)
        last_tick = tick
        if message.type == "set_tempo":
            tempo = message.tempo
        timed.append((now_s, message))
    return timed


def make_tune(seconds: float, rng: np.random.Generator) -> Tune:
    """Make up a melody: scale steps, some leaps and repeats, notes of 0.08 to 1.2 s, some rests."""
    scale = SCALES[rng.integers(len(SCALES))]
    octaves_st = np.concatenate([np.asarray(scale) + 12 * octave for octave in range(2)])
    pitches_midi = octaves_st + 60 + int(rng.integers(12))
    degree = int(rng.integers(len(pitches_midi)))
    beat_s = float(np.exp(rng.uniform(np.log(0.12), np.log(0.6))))
    notes: list[Note] = []
    now_s = 0.0
    while now_s < seconds:
        length_s = beat_s * float(rng.choice((0.5, 1.0, 1.0, 2.0, 3.0))) * float(rng.uniform(0.9, 1.1))
        length_s = float(np.clip(length_s, SHORTEST_S, LONGEST_S))
        notes.append(Note(now_s, now_s + length_s, float(pitches_midi[degree])))
        now_s += length_s
        if rng.random() < 0.1:
            now_s += float(rng.uniform(0.05, 0.4))
        degree = _next_degree(degree, len(pitches_midi), rng)
    return Tune("generated", tuple(notes))


def _next_degree(degree: int, count: int, rng: np.random.Generator) -> int:
    """Walk on the scale, reflected at its ends."""
    size = int(rng.choice((0, 1, 2, 3, 4, 5, 7), p=(0.08, 0.56, 0.16, 0.07, 0.06, 0.04, 0.03)))
    moved = degree + size * int(rng.choice((-1, 1)))
    if moved < 0:
        moved = -moved
    if moved >= count:
        moved = 2 * (count - 1) - moved
    return int(np.clip(moved, 0, count - 1))


def excerpt(tune: Tune, seconds: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Cut out a part of a tune at a random place, slowed down or sped up to a random tempo.

    Every note keeps 0.08 to 1.2 s; the tune is repeated when it is too short.
    """
    median_s = float(np.median([note.duration_s for note in tune.notes]))
    stretch = float(np.exp(rng.uniform(np.log(0.12), np.log(0.5)))) / max(median_s, 1e-3)
    index = int(rng.integers(len(tune.notes)))
    now_s = float(rng.uniform(0.0, 0.15))
    notes: list[Note] = []
    while now_s < seconds - SHORTEST_LAST_NOTE_S:
        note = tune.notes[index % len(tune.notes)]
        length_s = float(np.clip(note.duration_s * stretch, SHORTEST_S, LONGEST_S))
        notes.append(Note(now_s, min(now_s + length_s, seconds), note.pitch_midi, note.velocity))
        following = tune.notes[(index + 1) % len(tune.notes)]
        gap_s = min(max((following.start_s - note.end_s) * stretch, 0.0), 0.4)
        now_s += length_s + gap_s
        index += 1
    return tuple(notes)


def transpose(
    notes: Sequence[Note], lowest: float, highest: float, rng: np.random.Generator
) -> tuple[Note, ...]:
    """Move a line by whole semitones so that every note lies in an instrument's range.

    Three times out of four a place inside the common range G3 to E6 is taken, if there is one, so that all
    instruments meet at the same pitches. A line wider than the range is folded by octaves.

    Args:
        lowest, highest: the instrument's range, at least an octave.
    Raises:
        DataError: the range is narrower than an octave.
    """
    if highest - lowest < NARROWEST_ST:
        raise DataError(f"range {lowest:g} to {highest:g} is narrower than an octave; record more notes")
    pitches = np.array([note.pitch_midi for note in notes])
    if len(_shifts(pitches, lowest, highest)) == 0:
        pitches = _fold(pitches, lowest + 0.5 * (highest - lowest))
    shifts = _shifts(pitches, lowest, highest)
    common = _shifts(pitches, max(lowest, COMMON_RANGE[0]), min(highest, COMMON_RANGE[1]))
    choices = common if len(common) and rng.random() < 0.75 else shifts
    shift = int(rng.choice(choices))
    return tuple(
        replace(note, pitch_midi=float(pitch + shift)) for note, pitch in zip(notes, pitches, strict=True)
    )


def _shifts(pitches: NDArray[np.float64], lowest: float, highest: float) -> NDArray[np.float64]:
    return np.arange(np.ceil(lowest - pitches.min()), np.floor(highest - pitches.max()) + 1)


def _fold(pitches: NDArray[np.float64], centre: float) -> NDArray[np.float64]:
    """Put every pitch into the octave round a centre."""
    lowest = float(np.ceil(centre - 6.0))
    folded: NDArray[np.float64] = lowest + (pitches - lowest) % 12.0
    return folded


def perform(notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """Play a line as a person would: a dynamic arch, uneven loudness, timing and tuning, articulation.

    Onsets move by up to 8 ms, pitches by up to 10 cents, notes sound for 85 to 100 % of their length; no
    note starts before the one before it has ended or lasts past `seconds`.
    """
    base = rng.uniform(0.3, 0.8)
    arch = rng.uniform(-0.25, 0.25)
    held = rng.uniform(0.85, 1.0)
    played: list[Note] = []
    earliest_s = 0.0
    for note in notes:
        swell = arch * np.sin(np.pi * note.start_s / seconds)
        velocity = float(np.clip(base + swell + rng.normal(0, 0.12), 0.0, 1.0))
        start_s = max(note.start_s + float(rng.uniform(-0.008, 0.008)), earliest_s)
        end_s = min(start_s + max(note.duration_s * held, SHORTEST_LAST_NOTE_S), seconds)
        if end_s - start_s < 0.5 * SHORTEST_LAST_NOTE_S:
            continue
        pitch_midi = note.pitch_midi + float(rng.uniform(-DETUNE_ST, DETUNE_ST))
        played.append(Note(start_s, end_s, pitch_midi, velocity))
        earliest_s = end_s
    return tuple(played)
