"""Reasons to stop between two steps: a time limit, Ctrl-C, a polite kill."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Literal

Reason = Literal["time", "interrupted"]


class Stopper:
    """Turns signals into a flag while it is entered, so that a step always ends and a checkpoint is written.

    The second Ctrl-C raises KeyboardInterrupt at once. Outside the main thread, only the time limit works.

    Args:
        limit_s: seconds from entering; None has no limit.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._signalled = False
        self._started = 0.0

    @property
    def reason(self) -> Reason | None:
        """Why to stop now, or None."""
        if self._signalled:
            return "interrupted"
        if self._limit_s is not None and time.monotonic() - self._started >= self._limit_s:
            return "time"
        return None

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
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
