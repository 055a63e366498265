"""Several recordings at the command line: progress, lines, and what went wrong at the end."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from latentfx.cli.bar import watch
from latentfx.cli.job import ApplyJob
from latentfx.cli.note import say_note
from latentfx.cli.options import refuse_own_names
from latentfx.cli.stops import be_patient
from latentfx.names import counted, shown

if TYPE_CHECKING:
    from latentfx.batch import Batch, Outcome

_MOST_LISTED: Final = 100
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


@dataclass
class Tally:
    """What a batch came to so far.

    Args:
        total: recordings in all.
    """

    total: int
    made: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    notes: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    begin_s: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count one recording."""
        self.skipped += outcome.skipped
        self.failed += bool(outcome.error)
        self.made += not (outcome.skipped or outcome.error)
        self.seconds += outcome.seconds
        self.notes += len(outcome.notes)
        if outcome.error and len(self.errors) < _MOST_LISTED:
            self.errors.append((outcome.source, outcome.error))

    @property
    def ended(self) -> int:
        """Recordings that have ended, whichever way."""
        return self.made + self.skipped + self.failed

    @property
    def took_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begin_s

    def words(self) -> str:
        """The sound so far, its speed, and the errors."""
        speed = self.seconds / max(self.took_s, 1e-9)
        found = f"{_duration(self.seconds)} of audio, {speed:.1f} x real time"
        return f"{found}, {counted(self.failed, 'error')}"

    def summary(self, batch: Batch) -> dict[str, object]:
        """The same for programs."""
        return {
            "files": self.total,
            "made": self.made,
            "skipped": self.skipped,
            "failed": self.failed,
            "audio_h": round(self.seconds / _HOUR_S, 6),
            "took_s": round(self.took_s, 3),
            "times_real_time": round(self.seconds / max(self.took_s, 1e-9), 3),
            "notes": self.notes,
            "passed_over": batch.plan.passed.count,
            "journal": batch.journal,
            "errors": [{"source": source, "error": error} for source, error in self.errors],
        }


def apply_several(job: ApplyJob) -> None:
    """Run several recordings, and say what was written."""
    from latentfx.batch import Batch, apply_many
    from latentfx.batch.stores import scheme_of

    refuse_own_names(apply_many, job.controls)
    if job.plot and any(map(scheme_of, (*job.sources, job.target))):
        raise typer.BadParameter("--plot draws files of this machine; leave it out for URLs")
    many = job.many
    batch = Batch(
        job.sources,
        job.target,
        job.plugin,
        many.on,
        many.jobs,
        many.suffix,
        job.reference,
        job.side,
        job.automation,
        many.shard,
        many.again,
        job.controls,
        job.normalize,
    )
    if many.on != "local" or (many.jobs or 1) > 1 or scheme_of(job.target):
        be_patient()  # to end workers and to send a journal may take longer than a moment
    tally = Tally(len(batch.plan))
    try:
        _run(job, batch, tally)
    except KeyboardInterrupt:
        say_note(f"{tally.ended} of {tally.total} files were done; the same command goes on from there")
        raise
    _tell(job, batch, tally)
    if tally.failed:
        raise typer.Exit(1)


def _run(job: ApplyJob, batch: Batch, tally: Tally) -> None:
    with watch(f"{tally.total} files") as bar:
        for outcome in batch.run():
            tally.add(outcome)
            bar.show(tally.ended, tally.total, tally.words())
            if outcome.error or outcome.skipped:
                continue
            if not job.many.json:
                say_made(outcome)
            if job.plot:
                draw(outcome, loud=not job.many.json)


def _tell(job: ApplyJob, batch: Batch, tally: Tally) -> None:
    """Say what the batch came to; errors last, where they are seen."""
    if job.many.json:
        typer.echo(json.dumps(tally.summary(batch)))
    else:
        done = f", {tally.skipped} done before" if tally.skipped else ""
        typer.echo(f"{tally.made} of {tally.total} files made{done}: {tally.words()}")
    passed = batch.plan.passed
    if passed.count:
        more = f" and {passed.count - len(passed.names)} more" if passed.count > len(passed.names) else ""
        say_note(
            f"{counted(passed.count, 'file')} passed over (no sound, a link that leads nowhere, or a folder "
            f"that may not be entered): {', '.join(passed.names)}{more}"
        )
    if batch.trouble:
        say_note(batch.trouble)
    for _, error in tally.errors:
        _complain(error)
    if tally.failed > len(tally.errors):
        where = "" if batch.trouble else f"; all are in {batch.journal}"
        _complain(f"and {tally.failed - len(tally.errors)} more{where}")
    if tally.failed:
        _complain(f"{tally.failed} of {tally.total} files failed")


def _duration(seconds: float) -> str:
    """A length of sound, in a unit that shows it: seconds below a minute, minutes below an hour."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    return f"{seconds / _MINUTE_S:.1f} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:.2f} h"


def say_made(made: Outcome) -> None:
    """Say what was written, and the notes on it."""
    channels = counted(made.channels, "channel")
    typer.echo(f"{made.target}: {made.seconds:.2f} s, {made.sample_rate} Hz, {channels}, {made.subtype}")
    for note in made.notes:
        say_note(f"{Path(made.target).name}: {note}")


def draw(made: Outcome, loud: bool = True) -> None:
    """Draw the spectrograms before and after.

    Args:
        made: from a file of this machine to another.
        loud: whether the name of the picture is printed.
    """
    from latentfx.sound.plot import plot

    picture = plot(Path(made.source), Path(made.target), Path(made.target).with_suffix(".png"))
    if loud:
        typer.echo(picture)


def _complain(error: str) -> None:
    typer.secho(f"latentfx: {shown(error)}", fg=typer.colors.RED, err=True)
