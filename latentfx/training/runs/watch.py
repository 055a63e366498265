"""Shows how far the making of data and features is, and stops it on a signal or at the time limit."""

from __future__ import annotations

from collections.abc import Iterable

from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.stopping import Stopper


class Watch:
    """Is called with every piece of work; raises `Stopped` when the work should end.

    Args:
        reporter: shows it.
        stopper: knows of signals and the time limit.
    """

    def __init__(self, reporter: Reporter, stopper: Stopper) -> None:
        self._reporter, self._stopper = reporter, stopper
        self._text = ""

    def __call__(self, text: str, done: int, total: int) -> None:
        """Hear what is being done, how much of it is done, and how much there is to do."""
        if text != self._text:
            self._text = text
            self._reporter.begin_count(text, total)
        self._reporter.count(done)
        self._stopper.check()

    def say(self, lines: Iterable[str]) -> None:
        """Pass lines on to the user."""
        for line in lines:
            self._reporter.say(line)
