"""Swappers whose scores are known: they know every line by heart, and play it on generated instruments."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentfx.training.data.example import Example, Note
from latentfx.training.data.sources.tones import play_tones
from latentfx.training.evaluations.swap.swapper import Codes
from latentfx.training.judges.judge import log_mel

Float32 = NDArray[np.float32]

RATE = 16_000
SECONDS = 1.05
INSTRUMENTS = ("violin", "trumpet")


def clip(instrument: str, pitches: Sequence[float], source: str) -> Example:
    """Three notes in a row."""
    length = SECONDS / len(pitches)
    notes = tuple(Note(at * length, (at + 0.95) * length, pitch, 0.8) for at, pitch in enumerate(pitches))
    return Example.of_audio(play(instrument, notes), RATE, instrument, source, notes)


def play(instrument: str, notes: tuple[Note, ...]) -> Float32:
    """The line on a generated instrument; the same one for the same line."""
    return play_tones(instrument, notes, SECONDS, RATE, np.random.default_rng(0))


def clips(count: int, seed: int) -> tuple[Example, ...]:
    """Lines of both instruments in one range."""
    generator = np.random.default_rng(seed)
    return tuple(
        clip(name, generator.integers(60, 80, 3).astype(float), f"{name}-{seed}-{at}")
        for name in INSTRUMENTS
        for at in range(count)
    )


class Perfect:
    """Plays the line of z on the instrument that is largest in v."""

    sample_rate = RATE
    v_size = len(INSTRUMENTS)

    def __init__(self, known: Sequence[Example]) -> None:
        self._heard = {item.audio.tobytes(): (item.notes, item.instrument) for item in known}
        self.drawn = 0

    def encode(self, audio: Float32, sampled: bool = False) -> Codes:
        self.drawn += sampled
        notes, instrument = self._heard[audio.tobytes()]
        spread = 0.05 * np.random.default_rng(zlib.crc32(audio.tobytes())).standard_normal(self.v_size)
        v = np.array([instrument == name for name in INSTRUMENTS]) + spread
        return Codes((notes, instrument), v.astype(np.float32))

    def log_mel(self, codes: Codes) -> Float32:
        return log_mel(self.audio(codes), RATE)

    def audio(self, codes: Codes) -> Float32:
        notes = self.line(codes)
        instrument = self.instrument(codes)
        audio = play(instrument, notes)
        self._heard[audio.tobytes()] = (notes, instrument)
        return audio

    def line(self, codes: Codes) -> tuple[Note, ...]:
        notes: tuple[Note, ...] = codes.z[0]
        return notes

    def instrument(self, codes: Codes) -> str:
        return INSTRUMENTS[int(codes.v.argmax())]


class Deaf(Perfect):
    """Ignores v: everything becomes a violin."""

    def instrument(self, codes: Codes) -> str:
        return "violin"


class Leaky(Perfect):
    """Its z carries the timbre, and its v does not."""

    def instrument(self, codes: Codes) -> str:
        name: str = codes.z[1]
        return name


class Sharp(Perfect):
    """Plays a semitone too high."""

    def line(self, codes: Codes) -> tuple[Note, ...]:
        return tuple(replace(note, pitch_midi=note.pitch_midi + 1) for note in super().line(codes))
