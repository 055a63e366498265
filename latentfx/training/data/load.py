"""From a recipe's [data] table to clips."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data.acoustics import place
from latentfx.training.data.card import describe, part_card
from latentfx.training.data.clip import Audio, Clip, Dataset, Note
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.data.phrases import Articulation, NoteBank
from latentfx.training.data.recordings import Recording, cut_clips, find_recordings, matches
from latentfx.training.data.settings import (
    DataSettings,
    NotesPart,
    Part,
    PhraseSettings,
    RecordingsPart,
    SoundfontPart,
    TonesPart,
    read_settings,
    resolve_path,
)
from latentfx.training.data.soundfont import SoundFont, default_cache
from latentfx.training.data.tones import TONES, play_tones
from latentfx.training.data.tunes import Tune, excerpt, make_tune, perform, read_tunes, transpose

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
        words = "/".join((str(self.index), *names)).encode()
        return np.random.default_rng([self.seed, zlib.crc32(words)])

    def path(self, part_path: str, name: str) -> Path:
        return resolve_path(part_path, self.data_root, f"data.parts[{self.index}].{name}")


@dataclass(frozen=True)
class Built:
    """What one part gives: clips of each side, and facts for the card."""

    train: list[Clip]
    validation: list[Clip]
    facts: Mapping[str, object]


def load_data(
    settings: Mapping[str, object], sample_rate: int, seed: int, data_root: Path | None = None
) -> Dataset:
    """Build the clips of a recipe, the same ones for the same seed.

    Args:
        settings: the [data] table.
        sample_rate: of the clips, Hz.
        seed: of everything that is drawn at random.
        data_root: what relative paths count from; None for LATENTFX_DATA or the current folder.
    Raises:
        RecipeError: a wrong setting; the message names the key.
        DataError: data that is missing or unusable, or an instrument that no part has.
    """
    checked = read_settings(settings)
    built = [
        _build(part, Job(checked, index, sample_rate, seed, data_root))
        for index, part in enumerate(checked.parts)
    ]
    train = tuple(clip for piece in built for clip in piece.train)
    validation = tuple(clip for piece in built for clip in piece.validation)
    present = {clip.instrument for clip in train}
    absent = [name for name in checked.instruments if name not in present]
    if absent:
        raise DataError(f"no training clips of {absent}; the parts have {sorted(present)}: change data.instruments")
    parts = [part_card(part.kind, asdict(part), piece.train, piece.validation, piece.facts)
             for part, piece in zip(checked.parts, built, strict=True)]
    return Dataset(train, validation, describe(checked.instruments, sample_rate, seed, parts))


def _build(part: Part, job: Job) -> Built:
    if isinstance(part, RecordingsPart):
        return _build_recordings(part, job)
    if isinstance(part, NotesPart):
        return _build_notes(part, job)
    if isinstance(part, SoundfontPart):
        return _build_soundfont(part, job)
    return _build_tones(part, job)


def _build_tones(part: TonesPart, job: Job) -> Built:
    def player(instrument: str) -> Player:
        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            seconds = part.segment_seconds
            return [(play_tones(instrument, notes, seconds, job.sample_rate, rng), notes) for notes in phrases]

        return Player(INSTRUMENTS[instrument].lowest, INSTRUMENTS[instrument].highest, play)

    players = {name: player(name) for name in job.settings.instruments if name in TONES}
    return _build_phrases(part, job, players, players, {"licence": {"generated": len(players)}})


def _build_notes(part: NotesPart, job: Job) -> Built:
    found = find_recordings(job.path(part.root, "root"), part.include, part.exclude)
    wanted = [item for item in found if item.kind in ("note", "") and item.instrument in job.settings.instruments]
    articulation = Articulation(part.legato, part.vibrato, part.stretch_st)

    def player(recordings: Sequence[Recording]) -> Player:
        bank = NoteBank(recordings, job.sample_rate, articulation)

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
    return _build_phrases(part, job, train, validation, {"licence": _licences(wanted), "files": len(wanted)})


def _build_soundfont(part: SoundfontPart, job: Job) -> Built:
    font = SoundFont(job.path(part.path, "path"), default_cache() if part.cache else None)

    def player(instrument: str) -> Player:
        known = INSTRUMENTS[instrument]

        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            rendered = font.play(known.program, phrases, part.segment_seconds, job.sample_rate)
            return list(zip(rendered, phrases, strict=True))

        return Player(known.lowest, known.highest, play)

    players = {name: player(name) for name in job.settings.instruments if name in INSTRUMENTS}
    return _build_phrases(part, job, players, players, {"soundfont": font.path.name, "sha256": font.digest()})


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
    train_tunes, validation_tunes = _split_tunes(part, job)
    sides = (("train", train, max(1, count - held), train_tunes), ("validation", validation, held, validation_tunes))
    clips: dict[str, list[Clip]] = {"train": [], "validation": []}
    for side, players, number, tunes in sides:
        for instrument, player in players.items():
            clips[side] += _phrases_of(part, job, side, instrument, player, number, tunes)
    return Built(clips["train"], clips["validation"], facts)


def _phrases_of(
    part: PhraseSettings, job: Job, side: str, instrument: str, player: Player, number: int, tunes: Sequence[Tune]
) -> list[Clip]:
    rng = job.rng(side, instrument)
    lines = []
    for _ in range(number):
        from_file = bool(tunes) and rng.random() < part.tunes_share
        tune = tunes[int(rng.integers(len(tunes)))] if from_file else make_tune(2 * part.segment_seconds, rng)
        line = transpose(excerpt(tune, part.segment_seconds, rng), player.lowest + 0.1, player.highest - 0.1, rng)
        lines.append(perform(line, part.segment_seconds, rng))
    clips = []
    for index, (audio, notes) in enumerate(player.play(lines, rng) if lines else []):
        placed = place(audio, job.sample_rate, rng, part.reverb, part.noise)
        source = f"{job.index}/{side}/{instrument}/{index}"
        clips.append(Clip(placed, job.sample_rate, instrument, source, notes))
    return clips


def _split_tunes(part: PhraseSettings, job: Job) -> tuple[list[Tune], list[Tune]]:
    """Tunes from files for each side, none for both."""
    if not part.tunes:
        return [], []
    tunes = list(read_tunes(job.path(part.tunes, "tunes")))
    order = job.rng("tunes").permutation(len(tunes))
    held = round(len(tunes) * job.settings.validation)
    return [tunes[i] for i in order[held:]], [tunes[i] for i in order[:held]]


def _build_recordings(part: RecordingsPart, job: Job) -> Built:
    found = find_recordings(job.path(part.root, "root"), part.include, part.exclude)
    wanted = [item for item in found if item.instrument in job.settings.instruments]
    held = {item.name for item in wanted if matches(item.name, part.holdout)}
    if not part.holdout:
        for name in job.settings.instruments:
            own = [item.name for item in wanted if item.instrument == name]
            number = round(len(own) * job.settings.validation)
            held |= {own[i] for i in job.rng("holdout", name).permutation(len(own))[:number]}
    sides: dict[bool, list[Clip]] = {False: [], True: []}
    for item in wanted:
        sides[item.name in held] += cut_clips(item, job.sample_rate, part.segment_seconds)
    return Built(sides[False], sides[True], {"licence": _licences(wanted), "files": len(wanted)})


def _licences(recordings: Sequence[Recording]) -> dict[str, int]:
    """How many files stand under each licence."""
    counts: dict[str, int] = {}
    for item in recordings:
        counts[item.licence] = counts.get(item.licence, 0) + 1
    return counts
