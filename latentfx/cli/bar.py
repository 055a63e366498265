"""The progress bar of the verbs that take a while."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Self

_PATIENCE_S = 1.0


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
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None)
        self._begin = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            self._progress.stop()

    def show(self, done: int, total: int) -> None:
        """Say how far the job is."""
        if not self._shown and time.monotonic() - self._begin > _PATIENCE_S:
            self._progress.start()
            self._shown = True
        self._progress.update(self._task, completed=done, total=total)
