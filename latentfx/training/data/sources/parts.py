"""Builds the clips of each kind of part: which player, which tunes, which side."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data.acoustics import place
from latentfx.training.data.example import Audio, Example, Note
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.data.settings import (
    DataSettings,
    NotesPart,
    PhraseSettings,
    RecordingsPart,
    SinglePart,
    SoundfontPart,
    TonesPart,
    UrmpPart,
    resolve_path,
)
from latentfx.training.data.sources.phrases import Articulation, NoteBank
from latentfx.training.data.sources.recordings import Recording, cut_clips, find_recordings, matches
from latentfx.training.data.sources.soundfont import SoundFont, default_cache
from latentfx.training.data.sources.tones import TONES, play_tones
from latentfx.training.data.sources.tunes import (
    DETUNE_ST,
    NARROWEST_ST,
    excerpt,
    find_tunes,
    make_tune,
    perform,
    read_tune,
    transpose,
)
from latentfx.training.data.sources.urmp import cut_stems, find_stems

Phrases = Sequence[tuple[Note, ...]]
Played = list[tuple[Audio, tuple[Note, ...]]]


@dataclass(frozen=True)
class Player:
    """Something that plays lines: its range and how. `play` takes phrases and a random generator."""

    lowest: float
    highest: float
    play: Callable[[Phrases, np.random.Generator], Played]


@dataclass(frozen=True)
class Job:
    """One part of the data for one recipe: everything that the builders below share."""

    settings: DataSettings
    index: int
    sample_rate: int
    seed: int
    data_root: Path | None

    def rng(self, *names: str) -> np.random.Generator:
        """A generator of random numbers of its own for each name, the same on every run."""
        return self.shared_rng(str(self.index), *names)

    def shared_rng(self, *names: str) -> np.random.Generator:
        """The same for every part of the recipe: what is held out of one part is held out of all."""
        return np.random.default_rng([self.seed, zlib.crc32("/".join(names).encode())])

    def path(self, part_path: str, name: str) -> Path:
        return resolve_path(part_path, self.data_root, f"data.parts[{self.index}].{name}")


@dataclass(frozen=True)
class Built:
    """What one part gives: clips of each side, and facts for the card."""

    train: list[Example]
    validation: list[Example]
    facts: Mapping[str, object]


def build_part(part: SinglePart, job: Job) -> Built:
    """Build the clips of one part of single instruments.

    Raises:
        DataError: data that is missing or unusable.
    """
    if isinstance(part, RecordingsPart):
        return _build_recordings(part, job)
    if isinstance(part, UrmpPart):
        return _build_urmp(part, job)
    if isinstance(part, NotesPart):
        return _build_notes(part, job)
    if isinstance(part, SoundfontPart):
        return _build_soundfont(part, job)
    return _build_tones(part, job)


def _build_tones(part: TonesPart, job: Job) -> Built:
    def player(instrument: str) -> Player:
        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            seconds = part.segment_seconds
            return [
                (play_tones(instrument, notes, seconds, job.sample_rate, rng), notes) for notes in phrases
            ]

        return Player(INSTRUMENTS[instrument].lowest, INSTRUMENTS[instrument].highest, play)

    players = {name: player(name) for name in job.settings.instruments if name in TONES}
    return _build_phrases(part, job, players, players, {"licence": {"generated": len(players)}})


def _build_notes(part: NotesPart, job: Job) -> Built:
    found = find_recordings(job.path(part.root, "root"), part.include, part.exclude)
    wanted = [item for item in found if item.is_note and item.instrument in job.settings.instruments]
    articulation = Articulation(part.legato, part.vibrato, part.stretch_st, part.reach_st)

    def player(recordings: Sequence[Recording]) -> Player:
        bank = NoteBank(recordings, job.sample_rate, articulation)
        if bank.highest - bank.lowest < NARROWEST_ST + 2 * DETUNE_ST:
            raise DataError(
                f"data.parts[{job.index}]: the {len(recordings)} notes of {recordings[0].instrument} reach "
                f"from {bank.lowest:.1f} to {bank.highest:.1f}, less than an octave: "
                "add notes or raise reach_st"
            )

        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            return [bank.play(notes, part.segment_seconds, rng) for notes in phrases]

        return Player(bank.lowest, bank.highest, play)

    train: dict[str, Player] = {}
    validation: dict[str, Player] = {}
    for name in job.settings.instruments:
        own = [item for item in wanted if item.instrument == name]
        held = [item for item in own if matches(item.name, part.holdout)]
        kept = [item for item in own if not matches(item.name, part.holdout)]
        if kept:
            train[name] = player(kept)
            validation[name] = player(held) if held else train[name]
    held_out = sorted(item.name for item in wanted if matches(item.name, part.holdout))
    facts = {"licence": _licences(wanted), "files": len(wanted), "held_out": held_out}
    return _build_phrases(part, job, train, validation, facts)


def _build_soundfont(part: SoundfontPart, job: Job) -> Built:
    font = SoundFont(job.path(part.path, "path"), default_cache() if part.cache else None)

    def player(instrument: str) -> Player:
        known = INSTRUMENTS[instrument]

        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            rendered = font.play(known.program, phrases, part.segment_seconds, job.sample_rate)
            return list(zip(rendered, phrases, strict=True))

        return Player(known.lowest, known.highest, play)

    players = {name: player(name) for name in job.settings.instruments if name in INSTRUMENTS}
    return _build_phrases(part, job, players, players, font.facts)


def _build_phrases(
    part: PhraseSettings,
    job: Job,
    train: Mapping[str, Player],
    validation: Mapping[str, Player],
    facts: Mapping[str, object],
) -> Built:
    """Phrases for both sides: other random numbers, and other tunes, for validation than for training."""
    count = max(1, round(part.seconds_per_instrument / part.segment_seconds))
    held = round(count * job.settings.validation)
    if job.settings.validation > 0:
        held = max(1, held)
    train_tunes, validation_tunes = split_tunes(part.tunes, job)
    sides = (
        _phrases_of(part, job, "train", train, max(1, count - held), train_tunes),
        _phrases_of(part, job, "validation", validation, held, validation_tunes),
    )
    return Built(*sides, facts)


def _phrases_of(
    part: PhraseSettings,
    job: Job,
    side: str,
    players: Mapping[str, Player],
    number: int,
    tunes: Sequence[Path],
) -> list[Example]:
    """`number` clips of each player."""
    clips: list[Example] = []
    for instrument, player in players.items():
        rng = job.rng(side, instrument)
        lines = [_draw_line(part, player, tunes, rng) for _ in range(number)]
        for index, (audio, notes) in enumerate(player.play(lines, rng)):
            placed = place(audio, job.sample_rate, rng, part.reverb, part.noise)
            source = f"{part.kind}-{job.index}/{side}/{instrument}/{index}"
            clips.append(Example.of_audio(placed, job.sample_rate, instrument, source, notes))
    return clips


def _draw_line(
    part: PhraseSettings, player: Player, tunes: Sequence[Path], rng: np.random.Generator
) -> tuple[Note, ...]:
    """A performed excerpt of a tune, in the player's range."""
    if tunes and rng.random() < part.tunes_share:
        tune = read_tune(tunes[int(rng.integers(len(tunes)))])
    else:
        tune = make_tune(2 * part.segment_seconds, rng)
    line = excerpt(tune, part.segment_seconds, rng)
    moved = transpose(line, player.lowest + DETUNE_ST, player.highest - DETUNE_ST, rng)
    return perform(moved, part.segment_seconds, rng)


def split_tunes(folder: str, job: Job) -> tuple[list[Path], list[Path]]:
    """Tunes from files for training and for validation, none for both where there is no folder."""
    if not folder:
        return [], []
    tunes = find_tunes(job.path(folder, "tunes"))
    order = job.shared_rng("tunes").permutation(len(tunes))
    held = round(len(tunes) * job.settings.validation)
    return [tunes[i] for i in order[held:]], [tunes[i] for i in order[:held]]


def _build_recordings(part: RecordingsPart, job: Job) -> Built:
    found = find_recordings(job.path(part.root, "root"), part.include, part.exclude)
    wanted = [item for item in found if item.instrument in job.settings.instruments]
    held = _held_out([(item.instrument, item.name) for item in wanted], part.holdout, job)
    sides: dict[bool, list[Example]] = {False: [], True: []}
    for item in wanted:
        sides[item.name in held] += cut_clips(item, job.sample_rate, part.segment_seconds)
    facts = {"licence": _licences(wanted), "files": len(wanted), "held_out": sorted(held)}
    return Built(sides[False], sides[True], facts)


def _build_urmp(part: UrmpPart, job: Job) -> Built:
    stems = find_stems(job.path(part.root, "root"), job.settings.instruments)
    held = _held_out([(stem.instrument, stem.name) for stem in stems], part.holdout, job, least=1)
    sides: dict[bool, list[Example]] = {False: [], True: []}
    for clip in cut_stems(stems, part, job.sample_rate):
        sides[clip.source in held].append(clip)
    facts = {"licence": {"URMP, see its authors": len(stems)}, "held_out": sorted(held)}
    return Built(sides[False], sides[True], facts)


def _held_out(
    recordings: Sequence[tuple[str, str]], holdout: Sequence[str], job: Job, least: int = 0
) -> set[str]:
    """Recordings (instrument, name) of which all clips go to validation: named ones, or a share at random.

    Args:
        least: so many of each instrument, where it has more.
    """
    if holdout:
        return {name for _, name in recordings if matches(name, holdout)}
    held: set[str] = set()
    for instrument in job.settings.instruments:
        own = [name for owner, name in recordings if owner == instrument]
        number = round(len(own) * job.settings.validation)
        if job.settings.validation > 0:
            number = max(number, min(least, len(own) - 1))
        held |= {own[i] for i in job.shared_rng("holdout", instrument).permutation(len(own))[:number]}
    return held


def _licences(recordings: Sequence[Recording]) -> dict[str, int]:
    """How many files stand under each licence."""
    counts: dict[str, int] = {}
    for item in recordings:
        counts[item.licence] = counts.get(item.licence, 0) + 1
    return counts
