"""`notes`: tunes built from recordings of single notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data.folder import find_recordings, matches, of_instruments
from latentfx.training.data.note_bank import Articulation, NoteBank
from latentfx.training.data.phrases import PhrasePlayer, Phrases, PhraseSource, Played
from latentfx.training.data.recording import Recording
from latentfx.training.data.source import Job, Made
from latentfx.training.data.split import count_licences
from latentfx.training.data.tunes import DETUNE_ST, NARROWEST_ST


@dataclass(frozen=True)
class Notes(PhraseSource):
    """Tunes built from recordings of single notes.

    Args:
        root: folder of recordings (`latentfx.training.data.folder`).
        include, exclude: globs over the paths below root.
        holdout: globs of recordings that only validation phrases use.
        legato, vibrato: probability of a slurred note, of a phrase with vibrato.
        stretch_st: how far a recorded note may be moved, semitones.
        reach_st: how far beyond the recorded notes lines may go, semitones; there the nearest note is moved
            further.
    """

    limits: ClassVar = {
        **PhraseSource.limits,
        "legato": (0.0, 1.0),
        "vibrato": (0.0, 1.0),
        "stretch_st": (0.0, 12.0),
        "reach_st": (0.0, 12.0),
    }
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    legato: float = 0.3
    vibrato: float = 0.2
    stretch_st: float = 2.0
    reach_st: float = 2.0

    def make(self, job: Job) -> Made:
        """Play tunes on the notes; validation plays those that are held out, where an instrument has some."""
        found = find_recordings(job.path(self.root, "root"), self.include, self.exclude, job.note)
        wanted = [item for item in of_instruments(found, job.instruments, job.note) if item.is_note]
        train: dict[str, PhrasePlayer] = {}
        validation: dict[str, PhrasePlayer] = {}
        for number, name in enumerate(job.instruments):
            job.progress("reading recorded notes", number, len(job.instruments))
            own = [item for item in wanted if item.instrument == name]
            held = [item for item in own if matches(item.name, self.holdout)]
            kept = [item for item in own if not matches(item.name, self.holdout)]
            if kept:
                train[name] = self._player(kept, job)
                validation[name] = self._player(held, job) if held else train[name]
        held_out = sorted(item.name for item in wanted if matches(item.name, self.holdout))
        facts = {"licence": count_licences(wanted), "files": len(wanted), "held_out": held_out}
        return self.play(job, train, validation, facts)

    def _player(self, recordings: Sequence[Recording], job: Job) -> PhrasePlayer:
        articulation = Articulation(self.legato, self.vibrato, self.stretch_st, self.reach_st)
        bank = NoteBank(recordings, job.sample_rate, articulation)
        if bank.highest - bank.lowest < NARROWEST_ST + 2 * DETUNE_ST:
            raise DataError(
                f"data.parts[{job.index}]: the {len(recordings)} notes of {recordings[0].instrument} reach "
                f"from {bank.lowest:.1f} to {bank.highest:.1f}, less than an octave: "
                "add notes or raise reach_st"
            )

        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            return [bank.play(notes, self.segment_seconds, rng) for notes in phrases]

        return PhrasePlayer(bank.lowest, bank.highest, play)
