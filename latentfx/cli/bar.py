"""Progress of the verbs that take a while: a bar on a terminal, lines where the output is redirected."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import Self

import typer

_PATIENCE_S = 1.0
_LINE_EVERY_S = 10.0


class Bar(AbstractContextManager["Bar"]):
    """A progress bar that appears on a terminal when a job takes more than a second."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[more]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None, more="")
        self._begin = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            self._progress.stop()

    def show(self, done: int, total: int, more: str = "") -> None:
        """Say how far the job is, and more of it in words."""
        if not self._shown and time.monotonic() - self._begin > _PATIENCE_S:
            self._progress.start()
            self._shown = True
        self._progress.update(self._task, completed=done, total=total, more=more)


class Lines(AbstractContextManager["Lines"]):
    """Progress as lines on stderr, for a job whose output is read from a file.

    Args:
        title: of the job.
        every_s: time between two lines.
    """

    def __init__(self, title: str, every_s: float = _LINE_EVERY_S) -> None:
        self._title, self._every_s = title, every_s
        self._last = time.monotonic()

    def __exit__(self, *exception: object) -> None:
        """Nothing is left to do."""

    def show(self, done: int, total: int, more: str = "") -> None:
        """Say how far the job is, and more of it in words, if the last line is some time ago."""
        if time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            share = f"{done} of {total} ({100 * done // max(total, 1)} %)"
            typer.echo(f"{self._title}: {', '.join(filter(None, (share, more)))}", err=True)


class StepLine(AbstractContextManager["StepLine"]):
    """Says on stderr what a job does now, from its start: one line that changes on a terminal, else lines.

    Args:
        title: of the job.
        every_s: time between two lines where there is no terminal; the first one comes at once.
    """

    def __init__(self, title: str, every_s: float = _LINE_EVERY_S) -> None:
        from rich.console import Console

        self._console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
        self._status = self._console.status(title) if self._console.is_terminal else None
        self._title, self._every_s = title, every_s
        self._last = float("-inf")

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, name: str) -> None:
        """Say which step begins."""
        if self._status is not None:
            self._status.update(f"{self._title}: {name}")
        elif time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            self._console.print(f"{self._title}: {name}", soft_wrap=True)


def watch(title: str) -> Bar | Lines:
    """Show the progress of a job: as a bar on a terminal, else as lines."""
    return Bar(title) if sys.stderr.isatty() else Lines(title)
