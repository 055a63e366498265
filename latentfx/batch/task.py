"""One recording of many: what is to be done, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from latentfx.offline import Applied


@dataclass(frozen=True, slots=True)
class Task:
    """One recording to run through the plugin.

    Args:
        number: place in the plan, from 0.
        source: path or URL of the recording.
        target: path or URL of the result.
        below: path of the result below the target folder, with slashes.
        stamp: hash of the size and the date (or the ETag) that the recording had when it was planned.
    """

    number: int
    source: str
    target: str
    below: str
    stamp: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one recording of many ended.

    Args:
        number: place in the plan, from 0.
        source: path or URL of the recording.
        target: path or URL of the result.
        seconds: length of the sound written.
        sample_rate: of the result, in Hz.
        channels: of the result.
        subtype: sample format of the result.
        notes: what people should know: silence, samples that were not finite, clipping.
        error: what went wrong; empty where nothing did.
        skipped: whether an earlier run did it.
        took_s: time that the work took, in seconds.
    """

    number: int
    source: str
    target: str
    seconds: float = 0.0
    sample_rate: int = 0
    channels: int = 0
    subtype: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    skipped: bool = False
    took_s: float = 0.0

    @classmethod
    def of(cls, task: Task, applied: Applied, took_s: float) -> Outcome:
        """The outcome of a task that succeeded."""
        return cls(
            task.number,
            task.source,
            task.target,
            applied.frames / applied.sample_rate,
            applied.sample_rate,
            applied.channels,
            applied.subtype,
            applied.notes,
            took_s=took_s,
        )

    @classmethod
    def failed(cls, task: Task, why: str, took_s: float = 0.0) -> Outcome:
        """The outcome of a task that failed; the error names the recording."""
        error = why if task.source in why else f"{task.source}: {why}"
        return cls(task.number, task.source, task.target, error=error, took_s=took_s)

    @classmethod
    def passed(cls, task: Task) -> Outcome:
        """The outcome of a task that an earlier run did."""
        return cls(task.number, task.source, task.target, skipped=True)
