"""Reasons to stop: a time limit, Ctrl-C, a polite kill."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Literal

Reason = Literal["time", "interrupted"]


class Stopped(KeyboardInterrupt):
    """Ends work that has nothing to save. It is no Exception, so that nothing on the way swallows it.

    Args:
        reason: to stop.
        during: the work.
    """

    def __init__(self, reason: Reason, during: str) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.during = during


class Stopper:
    """Watches a time limit and signals while it is entered.

    Inside `at_once()` a signal raises `Stopped` where it comes, and `check()` does when the time is up.
    Elsewhere a signal only sets `reason`, so that a step always ends and a checkpoint is written; there the
    second Ctrl-C raises KeyboardInterrupt. Outside the main thread, only the time limit works.

    Args:
        limit_s: seconds from entering; None has no limit.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._signalled = False
        self._during: str | None = None
        self._started = 0.0

    @property
    def reason(self) -> Reason | None:
        """Why to stop now, or None."""
        if self._signalled:
            return "interrupted"
        if self._limit_s is not None and time.monotonic() - self._started >= self._limit_s:
            return "time"
        return None

    @contextmanager
    def at_once(self, during: str) -> Iterator[None]:
        """Let signals raise `Stopped` inside this block, because it has nothing to save.

        Args:
            during: what the block does.
        """
        self._during = during
        try:
            self.check()
            yield
        finally:
            self._during = None

    def check(self) -> None:
        """Inside `at_once`, raise `Stopped` if there is a reason to stop."""
        if self.reason is not None and self._during is not None:
            raise Stopped(self.reason, self._during)

    def __enter__(self) -> Stopper:
        self._started = time.monotonic()
        self._previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._during is not None:
            raise Stopped("interrupted", self._during)
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
