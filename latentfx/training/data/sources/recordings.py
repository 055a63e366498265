"""`recordings`: recordings of single instruments, cut into examples."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

from latentfx.errors import DataError
from latentfx.training.data.folder import find_recordings, of_instruments
from latentfx.training.data.recording import SHORTEST_S, cut_clips
from latentfx.training.data.side import Group, Side
from latentfx.training.data.source import DataSource, Job, Made
from latentfx.training.data.split import count_licences, held_out


@dataclass(frozen=True)
class Recordings(DataSource):
    """Recordings cut into examples.

    Args:
        root: folder of recordings (`latentfx.training.data.folder`).
        include, exclude: globs over the paths below root.
        holdout: globs of recordings that go to validation; without them recordings are drawn at random.
        segment_seconds: length of an example.
    """

    limits: ClassVar = {"segment_seconds": (0.5, 60.0)}
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    segment_seconds: float = 4.0

    def make(self, job: Job) -> Made:
        """Cut every recording of the named instruments.

        Raises:
            DataError: recordings that cannot be used; it names all of them, and the setting that leaves them
                out.
        """
        found = find_recordings(job.path(self.root, "root"), self.include, self.exclude, job.note)
        wanted = of_instruments(found, job.instruments, job.note)
        held = held_out([(item.instrument, item.name) for item in wanted], self.holdout, job)
        sides: dict[bool, list[Group]] = {False: [], True: []}
        unusable: dict[str, str] = {}
        for done, item in enumerate(wanted):
            job.progress("reading recordings", done, len(wanted))
            cut = functools.partial(cut_clips, item, job.sample_rate, self.segment_seconds)
            try:
                group = job.group(cut)
            except DataError as error:
                unusable[item.name] = str(error)
                continue
            if not group.outlines:
                job.note(f"passed over, shorter than {SHORTEST_S:g} s: {item.name}")
            sides[item.name in held].append(group)
        job.progress("reading recordings", len(wanted), len(wanted))
        if unusable:
            raise job.refuse(unusable, self.exclude)
        facts = {"licence": count_licences(wanted), "files": len(wanted), "held_out": sorted(held)}
        return Made(Side(sides[False]), Side(sides[True]), facts)
