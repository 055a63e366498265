"""`band`: tunes on several instruments of a soundfont at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from latentfx.sound.level import set_level
from latentfx.training.data.example import Audio, Example, Note
from latentfx.training.data.fluidsynth import DRUMS_CHANNEL, SoundFont, default_cache
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.sources.soundfont import GENERAL_MIDI
from latentfx.training.data.sources.stems import MIX, mixed
from latentfx.training.data.split import split_tunes
from latentfx.training.data.tunes import excerpt, make_tune, perform, read_tune, transpose

LOUDEST_DB, SOFTEST_DB = -14.0, -32.0
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 7, 12))
KICK, SNARE, CLOSED_HAT, OPEN_HAT = 36, 38, 42, 46


@dataclass(frozen=True)
class BandVoice:
    """A part of a band.

    Args:
        program: General MIDI program from 0.
        lowest, highest: range, MIDI pitch.
        chords: whether it plays chords; a line otherwise.
    """

    program: int
    lowest: int
    highest: int
    chords: bool = False


VOICES = (
    BandVoice(0, 48, 84, chords=True),
    BandVoice(4, 48, 84, chords=True),
    BandVoice(11, 60, 96),
    BandVoice(16, 43, 79, chords=True),
    BandVoice(24, 43, 76),
    BandVoice(29, 40, 72, chords=True),
    BandVoice(32, 28, 52),
    BandVoice(33, 28, 52),
    BandVoice(38, 28, 55),
    BandVoice(48, 43, 84, chords=True),
    BandVoice(52, 48, 79, chords=True),
    BandVoice(40, 55, 91),
    BandVoice(56, 52, 86),
    BandVoice(66, 44, 76),
    BandVoice(73, 60, 93),
    BandVoice(80, 48, 91),
    BandVoice(89, 43, 79, chords=True),
)


@dataclass(frozen=True)
class Band(DataSource):
    """Tunes on several instruments of a soundfont at once: examples of the instrument `mix` with their stems.

    Args:
        path: an .sf2 or .sf3 file.
        seconds: audio in all, training and validation together.
        segment_seconds: length of an example.
        voices: at most so many instruments at once, drums apart.
        drums: probability that drums play too.
        tunes: folder of MIDI files; "" for made-up melodies alone.
        tunes_share: share of the lines that are taken from `tunes`.
        cache: keep renderings in the user's cache folder.
    """

    limits: ClassVar = {
        "seconds": (1.0, 1e6),
        "segment_seconds": (0.5, 60.0),
        "voices": (2.0, 16.0),
        "drums": (0.0, 1.0),
        "tunes_share": (0.0, 1.0),
    }
    path: str = GENERAL_MIDI
    seconds: float = 300.0
    segment_seconds: float = 5.0
    voices: float = 3.0
    drums: float = 0.5
    tunes: str = ""
    tunes_share: float = 0.5
    cache: bool = True

    def make(self, job: Job) -> Made:
        """Let fluidsynth play every voice of every mix."""
        font = SoundFont(job.path(self.path, "path"), default_cache() if self.cache else None)
        count = max(2, round(self.seconds / self.segment_seconds))
        held = max(1, round(count * job.validation))
        tunes = split_tunes(self.tunes, job)
        text = f"making {self.seconds:g} s of {job.kind}"
        groups: list[Group] = []
        for done, (side, number) in enumerate((("train", count - held), ("validation", held))):
            job.progress(text, done, 2)
            play = functools.partial(_play_band, self, job, font, side, number, tunes[done])
            seconds = round(self.segment_seconds * job.sample_rate) / job.sample_rate
            known = [Outline(_name(job, side, mix), MIX, seconds) for mix in range(number)]
            groups.append(job.group(play, known))
        job.progress(text, 2, 2)
        return Made(Side(groups[:1]), Side(groups[1:]), font.facts)


def _name(job: Job, side: str, mix: int) -> str:
    return f"{job.kind}-{job.index}/{side}/{mix}"


def _play_band(
    part: Band, job: Job, font: SoundFont, side: str, number: int, tunes: Sequence[Path]
) -> list[Example]:
    """`number` mixes: every voice plays all that it has to play in one rendering."""
    rng = job.rng(side)
    most = round(part.voices)
    casts = [rng.permutation(len(VOICES))[: int(rng.integers(2, most + 1))] for _ in range(number)]
    drums = rng.random(number) < part.drums
    stems: list[list[Audio]] = [[] for _ in range(number)]
    for index, voice in enumerate(VOICES):
        mine = [mix for mix, cast in enumerate(casts) if index in cast]
        lines = [_draw_part(part, voice, tunes, rng) for _ in mine]
        if mine:
            played = font.play(voice.program, lines, part.segment_seconds, job.sample_rate)
            for mix, audio in zip(mine, played, strict=True):
                stems[mix].append(audio)
    mine = [mix for mix in range(number) if drums[mix]]
    if mine:
        beats = [draw_beat(part.segment_seconds, rng) for _ in mine]
        played = font.play(0, beats, part.segment_seconds, job.sample_rate, channel=DRUMS_CHANNEL)
        for mix, audio in zip(mine, played, strict=True):
            stems[mix].append(audio)
    return [
        mixed(_balance(own, job.sample_rate, rng), job.sample_rate, _name(job, side, mix))
        for mix, own in enumerate(stems)
    ]


def _balance(stems: Sequence[Audio], sample_rate: int, rng: np.random.Generator) -> list[Audio]:
    """Stems at levels of a mix."""
    levels_db = rng.uniform(SOFTEST_DB, LOUDEST_DB, len(stems))
    return [set_level(stem, sample_rate, level) for stem, level in zip(stems, levels_db, strict=True)]


def _draw_part(
    part: Band, voice: BandVoice, tunes: Sequence[Path], rng: np.random.Generator
) -> tuple[Note, ...]:
    """A performed excerpt of a tune in the voice's range, on every note a chord where it plays chords."""
    from_file = tunes and rng.random() < part.tunes_share
    if from_file:
        tune = read_tune(tunes[int(rng.integers(len(tunes)))])
    else:
        tune = make_tune(2 * part.segment_seconds, rng)
    line = transpose(excerpt(tune, part.segment_seconds, rng), voice.lowest, voice.highest, rng)
    notes = perform(line, part.segment_seconds, rng)
    if not voice.chords:
        return notes
    chord = CHORDS[int(rng.integers(len(CHORDS)))]
    return tuple(replace(note, pitch_midi=round(note.pitch_midi) + step) for note in notes for step in chord)


def draw_beat(seconds: float, rng: np.random.Generator) -> tuple[Note, ...]:
    """A bar of kick, snare and hats on a grid of sixteenths, repeated, with some strokes left out."""
    step_s = 60.0 / float(rng.uniform(80.0, 150.0)) / 4.0
    bar = rng.random((3, 16)) < np.array([[0.12], [0.05], [0.15]])
    bar[0, [0, 8]] = True
    bar[1, [4, 12]] = True
    bar[2, :: int(rng.integers(1, 4))] = True
    hat = OPEN_HAT if rng.random() < 0.2 else CLOSED_HAT
    notes = []
    for step in range(int(seconds / step_s)):
        for key, row in zip((KICK, SNARE, hat), bar, strict=True):
            if row[step % 16] and rng.random() < 0.95:
                start_s = step * step_s
                end_s = min(start_s + step_s, seconds)
                notes.append(Note(start_s, end_s, float(key), float(rng.uniform(0.5, 1.0))))
    return tuple(notes)
