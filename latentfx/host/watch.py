"""Ends steps of plugins that take too long, from a thread of its own."""

from __future__ import annotations

import os
import threading
import time
from typing import Final, Protocol

_ROUND_S: Final = 0.1


class StepInProgress(Protocol):
    """A step in progress, as onnxruntime's RunOptions: setting `terminate` ends it between two operators."""

    terminate: bool


class Watchdog:
    """Steps in progress, and when each has to be over."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[float, StepInProgress]] = {}
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def begin(self, run: StepInProgress, limit_s: float) -> None:
        """A step begins: it is ended when it takes longer than `limit_s`."""
        self._runs[id(run)] = (time.monotonic() + limit_s, run)
        if self._thread is None:
            self._start()

    def end(self, run: StepInProgress) -> None:
        """A step is over."""
        self._runs.pop(id(run), None)

    def end_all(self) -> None:
        """End every step in progress now."""
        for _, run in list(self._runs.values()):
            run.terminate = True

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="latentfx-watchdog", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while True:
            time.sleep(_ROUND_S)
            now = time.monotonic()
            for until, run in list(self._runs.values()):
                if now > until:
                    run.terminate = True


WATCH: Final = Watchdog()
if hasattr(os, "register_at_fork"):  # a thread does not live on in a child
    os.register_at_fork(after_in_child=WATCH.__init__)  # type: ignore[misc]
