"""`soundfont`: tunes rendered from a soundfont."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentfx.training.data.fluidsynth import SoundFont, default_cache
from latentfx.training.data.instruments import INSTRUMENTS, Instrument
from latentfx.training.data.phrases import PhrasePlayer, Phrases, PhraseSource, Played
from latentfx.training.data.source import Job, Made

GENERAL_MIDI = "/usr/share/sounds/sf2/FluidR3_GM.sf2"


@dataclass(frozen=True)
class Soundfont(PhraseSource):
    """Tunes rendered from a soundfont.

    Args:
        path: an .sf2 or .sf3 file.
        cache: keep renderings in the user's cache folder.
    """

    path: str = GENERAL_MIDI
    cache: bool = True

    def make(self, job: Job) -> Made:
        """Let fluidsynth play tunes on every instrument that General MIDI has."""
        font = SoundFont(job.path(self.path, "path"), default_cache() if self.cache else None)
        players = {
            name: self._player(INSTRUMENTS[name], font, job)
            for name in job.instruments
            if name in INSTRUMENTS
        }
        return self.play(job, players, players, font.facts)

    def _player(self, instrument: Instrument, font: SoundFont, job: Job) -> PhrasePlayer:
        def play(phrases: Phrases, rng: np.random.Generator) -> Played:
            rendered = font.play(instrument.program, phrases, self.segment_seconds, job.sample_rate)
            return list(zip(rendered, phrases, strict=True))

        return PhrasePlayer(instrument.lowest, instrument.highest, play)
