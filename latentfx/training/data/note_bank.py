"""Phrases built from recordings of single notes: real timbre, known pitch.

A phrase takes, for each note of a tune, a recorded note of nearly that pitch, resamples it to exactly that
pitch, cuts it to length and overlaps it with the next one. Two phrases of one tune share recordings when
an instrument has one take a pitch: validation phrases are other tunes, not other takes, unless some
recordings are held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db, set_level
from latentfx.training.data.example import VELOCITY_RANGE_DB, Audio, Note
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.recording import Recording, read_audio

LONGEST_KEPT_S = 5.0
LONGEST_ATTACK_S = 0.12


@dataclass(frozen=True, eq=False)
class RecordedNote:
    """One recorded note, trimmed to its sound.

    Args:
        audio: from just before the onset to the end of the sustained part.
        pitch_midi: as measured here: labels are up to a semitone off, and so are the figures of others.
        steady: the sample at which the attack is over.
    Shape:
        audio [T]
    """

    audio: Audio
    pitch_midi: float
    steady: int


@dataclass(frozen=True)
class Articulation:
    """How notes of a phrase are joined.

    Args:
        legato: probability that a note that follows closely enters without its attack.
        vibrato: probability that a phrase is played with vibrato.
        stretch_st: how far a recorded note may be moved in pitch, semitones.
        reach_st: how far beyond the lowest and the highest recorded note lines may go; there the nearest
            note is moved, further than `stretch_st` if need be.
    """

    legato: float = 0.3
    vibrato: float = 0.2
    stretch_st: float = 2.0
    reach_st: float = 2.0


class NoteBank:
    """The recorded notes of one instrument, ready to be played.

    Args:
        recordings: single notes with a known pitch.
        sample_rate: Hz.
        articulation: how notes are joined.
    Raises:
        DataError: no recordings, or one without a pitch or with nothing but silence.
    """

    def __init__(
        self, recordings: Sequence[Recording], sample_rate: int, articulation: Articulation = Articulation()
    ) -> None:
        if not recordings:
            raise DataError("a note bank needs recordings of single notes; none were given")
        self.sample_rate = sample_rate
        self.articulation = articulation
        self.notes = tuple(_trim(recording, sample_rate) for recording in recordings)
        self._pitches = np.array([note.pitch_midi for note in self.notes])

    @property
    def lowest(self) -> float:
        """The lowest pitch that can be played."""
        return float(self._pitches.min() - self.articulation.reach_st)

    @property
    def highest(self) -> float:
        """The highest pitch that can be played."""
        return float(self._pitches.max() + self.articulation.reach_st)

    def play(
        self, notes: Sequence[Note], seconds: float, rng: np.random.Generator
    ) -> tuple[Audio, tuple[Note, ...]]:
        """Play a line.

        Returns:
            The audio, and the notes as they sound: a note whose recording is too short ends early.
        Shape:
            -> [T], T = seconds * sample_rate
        """
        phrase = np.zeros(round(seconds * self.sample_rate), dtype=np.float32)
        vibrato = rng.random() < self.articulation.vibrato
        played: list[Note] = []
        for note in notes:
            closely = bool(played) and note.start_s - played[-1].end_s < 0.03
            legato = closely and rng.random() < self.articulation.legato
            audio, sounding_s = self._sound(note, legato, vibrato, rng)
            start = round(note.start_s * self.sample_rate)
            stop = min(start + len(audio), len(phrase))
            phrase[start:stop] += audio[: stop - start]
            played.append(replace(note, end_s=note.start_s + sounding_s))
        return phrase, tuple(played)

    def _sound(
        self, note: Note, legato: bool, vibrato: bool, rng: np.random.Generator
    ) -> tuple[Audio, float]:
        """One note at its pitch, length and loudness, with the seconds it sounds before its release."""
        recorded = self._choose(note, rng)
        release = round(float(rng.uniform(0.02, 0.06)) * self.sample_rate)
        length = round(note.duration_s * self.sample_rate) + release
        ratio = 2.0 ** ((note.pitch_midi - recorded.pitch_midi) / 12.0)
        first = recorded.steady if legato else 0
        needed = int(np.ceil((length + 256) * ratio))
        dry = recorded.audio[first : first + needed]
        if vibrato:
            audio = _bend(dry, ratio, self.sample_rate, rng)[:length].copy()
        else:
            audio = _resample(dry, ratio, self.sample_rate)[:length].copy()
        release = min(release, len(audio) // 2)
        attack = min(round((0.02 if legato else 0.003) * self.sample_rate), len(audio) // 2)
        audio[:attack] *= _ramp(attack)
        audio[len(audio) - release :] *= _ramp(release)[::-1]
        gain_db = -VELOCITY_RANGE_DB * (1.0 - note.velocity)
        sounding_s = min(note.duration_s, (len(audio) - release) / self.sample_rate)
        return audio * np.float32(10.0 ** (gain_db / 20.0)), sounding_s

    def _choose(self, note: Note, rng: np.random.Generator) -> RecordedNote:
        """A recorded note near the wanted pitch and long enough, at random; else the nearest."""
        distances = np.abs(self._pitches - note.pitch_midi)
        near = np.flatnonzero(distances <= max(self.articulation.stretch_st, float(distances.min()) + 1e-9))
        needed = (note.duration_s + 0.1) * self.sample_rate * 1.15
        long_enough = [index for index in near if len(self.notes[index].audio) >= needed]
        return self.notes[int(rng.choice(long_enough or near))]


def _trim(recording: Recording, sample_rate: int) -> RecordedNote:
    """Cut a recorded note to its sound: noise before the onset and after the end goes, the attack stays.

    An attack that takes longer than 0.12 s to come within 12 dB of the sustained level is shortened, so that
    a short note is heard.
    """
    if recording.pitch_midi is None:
        raise DataError(
            f"{recording.name} has no pitch; give pitch_midi or f0_hz_yin in manifest.csv, or exclude it"
        )
    audio = read_audio(recording.file, sample_rate)
    frame = max(1, sample_rate // 200)
    levels_db = frame_levels_db(audio, frame)
    if len(levels_db) < 20 or levels_db.max() < -80.0:
        raise DataError(f"{recording.name} is shorter than 0.1 s or silent; exclude it")
    loud_db = np.percentile(levels_db, 95)
    heard = np.flatnonzero(levels_db > loud_db - 30.0)
    full = int(np.argmax(levels_db > loud_db - 12.0)) * frame
    start = max(int(heard[0]) * frame - frame, full - round(LONGEST_ATTACK_S * sample_rate), 0)
    last = int(np.flatnonzero(levels_db > loud_db - 20.0)[-1])
    stop = min((last + 1) * frame, start + round(LONGEST_KEPT_S * sample_rate))
    kept = set_level(audio[start:stop], sample_rate)
    steady = min(full - start + round(0.06 * sample_rate), len(kept) // 3)
    try:
        return RecordedNote(kept, measure_pitch(kept, sample_rate, recording.pitch_midi), steady)
    except DataError as error:
        raise DataError(f"{recording.name}: {error}") from error


def _resample(audio: Audio, ratio: float, sample_rate: int, oversampling: int = 1) -> Audio:
    """Raise the pitch by a ratio, band-limited; `oversampling` times as many samples come out."""
    shifted = soxr.resample(audio, sample_rate * ratio, sample_rate * oversampling)
    return np.asarray(shifted, dtype=np.float32)


def _bend(audio: Audio, ratio: float, sample_rate: int, rng: np.random.Generator) -> Audio:
    """Raise the pitch by a ratio with vibrato round it: 4.5 to 6.5 Hz, 8 to 30 cents, growing over 0.2 s."""
    doubled = _resample(audio, ratio, sample_rate, oversampling=2)
    times_s = np.arange(len(doubled) // 2) / sample_rate
    rate_hz, depth_cents = rng.uniform(4.5, 6.5), rng.uniform(8.0, 30.0)
    cents = depth_cents * np.minimum(times_s / 0.2, 1.0) * np.sin(2 * np.pi * rate_hz * times_s)
    positions = 2.0 * np.cumsum(2.0 ** (cents / 1200.0))
    return _read_at(doubled, positions[positions < len(doubled) - 3])


def _read_at(audio: Audio, positions: NDArray[np.float64]) -> Audio:
    """Cubic (Catmull-Rom) interpolation at positions from 1 to len(audio) - 3."""
    whole = positions.astype(np.int64)
    part = (positions - whole).astype(np.float32)
    before, here, after, beyond = (audio[whole + step] for step in (-1, 0, 1, 2))
    slope = 0.5 * (after - before)
    quadratic = before - 2.5 * here + 2.0 * after - 0.5 * beyond
    cubic = 0.5 * (beyond - before) + 1.5 * (here - after)
    return np.asarray(((cubic * part + quadratic) * part + slope) * part + here, dtype=np.float32)


def _ramp(length: int) -> Audio:
    """Half a Hann window, rising."""
    return (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(np.float32)
