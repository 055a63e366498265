"""Tunes played by players: what the sources that play have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from latentfx.training.data.acoustics import place
from latentfx.training.data.example import Audio, Example, Note
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.split import split_tunes
from latentfx.training.data.tunes import DETUNE_ST, excerpt, make_tune, perform, read_tune, transpose

Phrases = Sequence[tuple[Note, ...]]
Played = list[tuple[Audio, tuple[Note, ...]]]


@dataclass(frozen=True)
class PhrasePlayer:
    """Something that plays lines: its range and how. `play` takes phrases and a random generator."""

    lowest: float
    highest: float
    play: Callable[[Phrases, np.random.Generator], Played]


@dataclass(frozen=True)
class PhraseSource(DataSource):
    """What the sources that play tunes have in common; each adds settings of its own.

    Args:
        seconds_per_instrument: audio of each instrument, training and validation together.
        segment_seconds: length of an example.
        tunes: folder of MIDI files; "" for made-up melodies alone.
        tunes_share: share of the phrases that are taken from `tunes`.
        reverb, noise: probability that a phrase gets a room, background noise.
    """

    limits: ClassVar = {
        "seconds_per_instrument": (1.0, 1e6),
        "segment_seconds": (0.5, 60.0),
        "tunes_share": (0.0, 1.0),
        "reverb": (0.0, 1.0),
        "noise": (0.0, 1.0),
    }
    seconds_per_instrument: float = 120.0
    segment_seconds: float = 4.0
    tunes: str = ""
    tunes_share: float = 0.5
    reverb: float = 0.3
    noise: float = 0.3

    def play(
        self,
        job: Job,
        train: Mapping[str, PhrasePlayer],
        validation: Mapping[str, PhrasePlayer],
        facts: Mapping[str, object],
    ) -> Made:
        """Phrases for both sides: other random numbers, and other tunes, for validation than for training.

        Args:
            job: the recipe that they are for.
            train, validation: the player of each instrument.
            facts: for the data card.
        """
        count = max(1, round(self.seconds_per_instrument / self.segment_seconds))
        held = round(count * job.validation)
        if job.validation > 0:
            held = max(1, held)
        train_tunes, validation_tunes = split_tunes(self.tunes, job)
        orders = [
            _Order(self, job, side, instrument, player, number, tunes)
            for side, players, number, tunes in (
                ("train", train, max(1, count - held), train_tunes),
                ("validation", validation, held, validation_tunes),
            )
            for instrument, player in players.items()
        ]
        text = f"making {len(train)} x {self.seconds_per_instrument:g} s of {job.kind}"
        sides: dict[str, list[Group]] = {"train": [], "validation": []}
        for done, order in enumerate(orders):
            job.progress(text, done, len(orders))
            sides[order.side].append(job.group(order.play, order.outlines))
        job.progress(text, len(orders), len(orders))
        return Made(Side(sides["train"]), Side(sides["validation"]), facts)


@dataclass(frozen=True)
class _Order:
    """Phrases of one instrument for one side: how many of what."""

    source: PhraseSource
    job: Job
    side: str
    instrument: str
    player: PhrasePlayer
    number: int
    tunes: Sequence[Path]

    @property
    def outlines(self) -> list[Outline]:
        rate = self.job.sample_rate
        seconds = round(self.source.segment_seconds * rate) / rate
        return [Outline(self._name(index), self.instrument, seconds) for index in range(self.number)]

    def play(self) -> list[Example]:
        rng = self.job.rng(self.side, self.instrument)
        lines = [self._line(rng) for _ in range(self.number)]
        source, rate = self.source, self.job.sample_rate
        return [
            Example.of_audio(
                place(audio, rate, rng, source.reverb, source.noise),
                rate,
                self.instrument,
                self._name(index),
                notes,
            )
            for index, (audio, notes) in enumerate(self.player.play(lines, rng))
        ]

    def _name(self, index: int) -> str:
        return f"{self.job.kind}-{self.job.index}/{self.side}/{self.instrument}/{index}"

    def _line(self, rng: np.random.Generator) -> tuple[Note, ...]:
        """A performed excerpt of a tune, in the player's range."""
        source, player = self.source, self.player
        if self.tunes and rng.random() < source.tunes_share:
            tune = read_tune(self.tunes[int(rng.integers(len(self.tunes)))])
        else:
            tune = make_tune(2 * source.segment_seconds, rng)
        line = excerpt(tune, source.segment_seconds, rng)
        moved = transpose(line, player.lowest + DETUNE_ST, player.highest - DETUNE_ST, rng)
        return perform(moved, source.segment_seconds, rng)
