"""`melodies`: tunes as steps of an eighth note, from a folder of MIDI files, played by a soundfont.

The folder has the layout of the Nottingham data set (`MIDI/melody/*.mid`), or is any folder of monophonic
`.mid` files. A rest takes the pitch before it, a long note is struck again at every step, and tunes are cut
into clips of 64 steps, one after another.

Source: appendix A.6.1 of "Learning interpretable low-dimensional representation via physical symmetry", 2023,
and its code.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import mido
import numpy as np

from latentfx.errors import DataError, RecipeError
from latentfx.training.data.example import Example
from latentfx.training.data.note_clips import PROGRAMS, NoteRenderer, clips_of, open_font, range_of
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.sources.soundfont import GENERAL_MIDI
from latentfx.training.data.tunes import find_tunes

STEPS_A_BEAT = 2
LONGEST_RUN = 3
GROUP = 64
"""Clips that are rendered together."""
LAYOUT = Path("MIDI", "melody")


@dataclass(frozen=True)
class Melodies(DataSource):
    """Clips of tunes on one instrument, the first that the recipe names.

    Examples have the labels `instrument` and `pitch` (MIDI, one a step). A tune that goes beyond the
    instrument's range is moved by octaves, or left out where it is wider than that.

    Args:
        root: folder of MIDI files.
        path: an .sf2 or .sf3 file.
        steps: of a clip.
        most: clips to take, at most; 0 takes all.
        break_runs: where a pitch comes three times in a row, the third time becomes an earlier pitch of the
            clip, drawn at random, as in the published code.
        cache: keep renderings in the user's cache folder.
    """

    limits: ClassVar = {"steps": (4, 1024), "most": (0, 1_000_000)}
    root: str = ""
    path: str = GENERAL_MIDI
    steps: int = 64
    most: int = 0
    break_runs: bool = True
    cache: bool = True

    def make(self, job: Job) -> Made:
        """Read the tunes, keep some of them for validation, and outline their clips."""
        name = job.instruments[0]
        if len(job.instruments) > 1 or name not in PROGRAMS:
            raise RecipeError(
                f"data.instruments is {list(job.instruments)}; melodies are played by one of "
                f"{', '.join(PROGRAMS)}"
            )
        folder = job.path(self.root, "root")
        files = find_tunes(folder / LAYOUT if (folder / LAYOUT).is_dir() else folder)
        held = set(job.shared_rng("melodies").permutation(len(files))[: round(job.validation * len(files))])
        lines: dict[bool, dict[str, list[float]]] = {False: {}, True: {}}
        for number, file in enumerate(files):
            job.progress("reading melodies", number, len(files))
            own = self._clips(file, name, job)
            lines[number in held] |= {f"{file.relative_to(folder)}/{i}": clip for i, clip in enumerate(own)}
        if self.most:
            share = {
                False: self.most - round(job.validation * self.most),
                True: round(job.validation * self.most),
            }
            lines = {side: dict(list(clips.items())[: share[side]]) for side, clips in lines.items()}
        font = open_font(job.path(self.path, "path"), self.cache)
        renderer = NoteRenderer(font, job.sample_rate)
        train, validation = (Side(self._groups(lines[side], name, renderer, job)) for side in (False, True))
        return Made(train, validation, {**font.facts, "tunes": len(files)})

    def _groups(
        self, lines: dict[str, list[float]], instrument: str, renderer: NoteRenderer, job: Job
    ) -> list[Group]:
        names, groups = list(lines), []
        seconds = self.steps * 2560 / job.sample_rate
        for start in range(0, len(names), GROUP):
            job.progress("rendering melodies", start, len(names))
            chosen = {name: lines[name] for name in names[start : start + GROUP]}
            known = [Outline(name, instrument, seconds) for name in chosen]
            make = functools.partial(_rendered, chosen, instrument, renderer)
            groups.append(job.group(make, known))
        return groups

    def _clips(self, file: Path, instrument: str, job: Job) -> list[list[float]]:
        """The clips of one tune, in the instrument's range."""
        pitches = quantise(file)
        low, high = range_of(instrument)
        octaves = [12 * n for n in sorted(range(-8, 9), key=abs)]
        fits = (
            move for move in octaves if pitches and low <= min(pitches) + move and max(pitches) + move <= high
        )
        move = next(fits, None)
        if move is None:
            job.note(f"{file.name} is left out: it has no notes, or is wider than the range of {instrument}")
            return []
        whole = range(0, len(pitches) - self.steps + 1, self.steps)
        clips = [[float(pitch + move) for pitch in pitches[start : start + self.steps]] for start in whole]
        rng = job.rng("runs", file.name)
        return [_without_runs(clip, rng) for clip in clips] if self.break_runs else clips


def _rendered(lines: dict[str, list[float]], instrument: str, renderer: NoteRenderer) -> Sequence[Example]:
    return clips_of(lines, instrument, renderer)


def quantise(file: Path) -> list[int]:
    """The pitch that sounds at every eighth note of a MIDI file.

    Of several at once the highest is taken. A rest takes the pitch before it; one at the start is left out.

    Raises:
        DataError: not a MIDI file.
    """
    try:
        midi = mido.MidiFile(file, clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{file} cannot be read as MIDI ({error}); replace it or move it away") from error
    step = midi.ticks_per_beat / STEPS_A_BEAT
    struck: dict[int, int] = {}
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                place = round(tick / step)
                struck[place] = max(message.note, struck.get(place, 0))
    if not struck:
        return []
    length = max(max(struck) + 1, round(max(_length(track) for track in midi.tracks) / step))
    pitches: list[int] = []
    for place in range(min(struck), length):
        pitches.append(struck.get(place) or pitches[-1])
    return pitches


def _length(track: mido.MidiTrack) -> int:
    """Ticks up to the last note of a track."""
    tick = last = 0
    for message in track:
        tick += message.time
        if message.type in ("note_on", "note_off"):
            last = tick
    return last


def _without_runs(clip: list[float], rng: np.random.Generator) -> list[float]:
    """Rewrite the third of three equal pitches in a row."""
    found = list(clip)
    for index in range(LONGEST_RUN - 1, len(found)):
        if len(set(found[index - LONGEST_RUN + 1 : index + 1])) == 1:
            found[index] = found[int(rng.integers(index))]
    return found
