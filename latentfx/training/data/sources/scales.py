"""`scales`: major scales up and down, 15 notes of equal length, from a soundfont.

With the accordion this is the main experiment of SPS: 27 scales to train on, and the same scales, each raised
by a fraction of a semitone, to test on. With more instruments it is that of SPS+.

Source: Liu et al., "Learning interpretable low-dimensional representation via physical symmetry", 2023, and
its code, which starts at 58 where the paper says A#4.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

from latentfx.errors import RecipeError
from latentfx.training.data.note_clips import PROGRAMS, NoteRenderer, clips_of, open_font, range_of
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.sources.soundfont import GENERAL_MIDI

SCALE = (0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2, 0)
OCTAVE = 12


@dataclass(frozen=True)
class Scales(DataSource):
    """Scales from every pitch of an instrument's range.

    Examples have the labels `instrument` and `pitch` (MIDI, one a note). Instruments are those of
    `note_clips.PROGRAMS`.

    Args:
        path: an .sf2 or .sf3 file.
        test_path: another one for the validation clips; empty takes the same.
        bent: raise each validation clip by a random fraction of a semitone.
        lowest, highest: leave out notes beyond these MIDI pitches.
        cache: keep renderings in the user's cache folder.
    """

    limits: ClassVar = {"lowest": (0, 127), "highest": (0, 127)}
    path: str = GENERAL_MIDI
    test_path: str = ""
    bent: bool = True
    lowest: int = 0
    highest: int = 127
    cache: bool = True

    def make(self, job: Job) -> Made:
        """Outline the scales of every instrument; those of one instrument are rendered together."""
        unknown = [name for name in job.instruments if name not in PROGRAMS]
        if unknown:
            raise RecipeError(f"data.instruments names {unknown}; allowed in scales: {', '.join(PROGRAMS)}")
        font = open_font(job.path(self.path, "path"), self.cache)
        other = open_font(job.path(self.test_path, "test_path"), self.cache) if self.test_path else font
        sides: dict[str, list[Group]] = {"train": [], "validation": []}
        for number, name in enumerate(job.instruments):
            job.progress("rendering scales", number, len(job.instruments))
            lines = self._lines(name, job)
            for side, played in (("train", font), ("validation", other)):
                made = functools.partial(clips_of, lines[side], name, NoteRenderer(played, job.sample_rate))
                seconds = len(SCALE) * 2560 / job.sample_rate
                known = [Outline(line, name, seconds) for line in lines[side]]
                sides[side].append(job.group(made, known))
        facts = dict(font.facts)
        if self.test_path:
            facts["test_soundfont"] = other.path.name
        return Made(Side(sides["train"]), Side(sides["validation"]), facts)

    def _lines(self, instrument: str, job: Job) -> dict[str, dict[str, list[float]]]:
        """For each side, name of a clip -> its pitches."""
        low, high = range_of(instrument)
        low, high = max(low, self.lowest), min(high, self.highest)
        if high - low < OCTAVE:
            raise RecipeError(
                f"data.parts[{job.index}] leaves {instrument} the pitches {low} to {high}; a scale needs an "
                "octave: lower `lowest` or raise `highest`"
            )
        rng = job.rng("bend", instrument)
        lines: dict[str, dict[str, list[float]]] = {"train": {}, "validation": {}}
        for start in range(low, high - OCTAVE + 1):
            bend = round(float(rng.random()), 2) % 1.0 if self.bent else 0.0
            name = f"{job.kind}-{job.index}/{instrument}/{start}"
            lines["train"][name] = [float(start + step) for step in SCALE]
            lines["validation"][f"{name}-test"] = [round(start + step + bend, 2) for step in SCALE]
        return lines
