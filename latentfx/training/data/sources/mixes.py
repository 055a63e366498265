"""Builds clips of several sounds at once: recorded songs as stems, and tunes on several instruments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latentfx.sound.level import frame_levels_db, set_level
from latentfx.training.data.example import Audio, Example, Note
from latentfx.training.data.settings import BandPart, StemsPart
from latentfx.training.data.sources.parts import Built, Job, split_tunes
from latentfx.training.data.sources.recordings import SILENT_BELOW_LOUD_DB, matches
from latentfx.training.data.sources.songs import Song, find_songs
from latentfx.training.data.sources.soundfont import DRUMS_CHANNEL, SoundFont, default_cache
from latentfx.training.data.sources.tunes import excerpt, make_tune, perform, read_tune, transpose

MIX = "mix"
LOUDEST_DB, SOFTEST_DB = -14.0, -32.0
CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (0, 7, 12))
KICK, SNARE, CLOSED_HAT, OPEN_HAT = 36, 38, 42, 46


@dataclass(frozen=True)
class Voice:
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
    Voice(0, 48, 84, chords=True),
    Voice(4, 48, 84, chords=True),
    Voice(11, 60, 96),
    Voice(16, 43, 79, chords=True),
    Voice(24, 43, 76),
    Voice(29, 40, 72, chords=True),
    Voice(32, 28, 52),
    Voice(33, 28, 52),
    Voice(38, 28, 55),
    Voice(48, 43, 84, chords=True),
    Voice(52, 48, 79, chords=True),
    Voice(40, 55, 91),
    Voice(56, 52, 86),
    Voice(66, 44, 76),
    Voice(73, 60, 93),
    Voice(80, 48, 91),
    Voice(89, 43, 79, chords=True),
)


def build_mixes(part: StemsPart | BandPart, job: Job) -> Built:
    """Build the clips of one part; each has its stems, which sum to its audio.

    Raises:
        DataError: data that is missing or unusable.
    """
    return _build_stems(part, job) if isinstance(part, StemsPart) else _build_band(part, job)


def _build_stems(part: StemsPart, job: Job) -> Built:
    songs = [
        song
        for song in find_songs(job.path(part.root, "root"))
        if matches(song.name, part.include) and not matches(song.name, part.exclude)
    ]
    held = {song.name for song in songs if matches(song.name, part.holdout)}
    if not part.holdout:
        number = round(len(songs) * job.settings.validation)
        held = {songs[i].name for i in job.shared_rng("holdout", MIX).permutation(len(songs))[:number]}
    sides: dict[bool, list[Example]] = {False: [], True: []}
    for song in songs:
        sides[song.name in held] += cut_song(song, job.sample_rate, part.segment_seconds)
    return Built(sides[False], sides[True], {"licence": {part.licence: len(songs)}, "songs": len(songs)})


def cut_song(song: Song, sample_rate: int, segment_seconds: float) -> list[Example]:
    """Cut a song, whose mix is set to one loudness as a whole, into clips of one length.

    Clips in which the mix stays 40 dB below its loud part are left out, and what is left at the end. Stems
    that are silent in a clip are left out of it.
    """
    stems = np.stack(list(song.read(sample_rate).values()))
    whole = stems.sum(axis=0)
    peak = float(np.max(np.abs(whole), initial=0.0))
    gain = np.float32(np.max(np.abs(set_level(whole, sample_rate)), initial=0.0) / max(peak, 1e-9))
    frame = max(1, sample_rate // 100)
    threshold_db = np.percentile(frame_levels_db(gain * whole, frame), 95) + SILENT_BELOW_LOUD_DB
    length = round(segment_seconds * sample_rate)
    clips = []
    for start in range(0, stems.shape[1] - length + 1, length):
        pieces = gain * stems[:, start : start + length]
        if np.percentile(frame_levels_db(pieces.sum(axis=0), frame), 95) > threshold_db:
            clips.append(mixed([piece for piece in pieces if np.any(piece)], sample_rate, song.name))
    return clips


def mixed(stems: Sequence[Audio], sample_rate: int, source: str) -> Example:
    """A clip that is the sum of stems."""
    audio: Audio = np.stack(stems).sum(axis=0).astype(np.float32)
    return Example.of_audio(audio, sample_rate, MIX, source, stems=tuple(stems))


def _build_band(part: BandPart, job: Job) -> Built:
    font = SoundFont(job.path(part.path, "path"), default_cache() if part.cache else None)
    count = max(2, round(part.seconds / part.segment_seconds))
    held = max(1, round(count * job.settings.validation))
    train_tunes, validation_tunes = split_tunes(part.tunes, job)
    return Built(
        _play_band(part, job, font, "train", count - held, train_tunes),
        _play_band(part, job, font, "validation", held, validation_tunes),
        font.facts,
    )


def _play_band(
    part: BandPart, job: Job, font: SoundFont, side: str, number: int, tunes: Sequence[Path]
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
        mixed(_balance(own, job.sample_rate, rng), job.sample_rate, f"{part.kind}-{job.index}/{side}/{mix}")
        for mix, own in enumerate(stems)
    ]


def _balance(stems: Sequence[Audio], sample_rate: int, rng: np.random.Generator) -> list[Audio]:
    """Stems at levels of a mix."""
    levels_db = rng.uniform(SOFTEST_DB, LOUDEST_DB, len(stems))
    return [set_level(stem, sample_rate, level) for stem, level in zip(stems, levels_db, strict=True)]


def _draw_part(
    part: BandPart, voice: Voice, tunes: Sequence[Path], rng: np.random.Generator
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
