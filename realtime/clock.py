"""Where in a stream a time of day lies."""

from __future__ import annotations

import time
from typing import Final

_SHARE: Final = 0.01
_JUMP_S: Final = 0.05


class Clock:
    """Time of day against seconds of a stream, smoothed over the jitter of its blocks."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def tick(self, seconds: float) -> None:
        """Note that so many seconds of the stream have come in now."""
        began = time.time() - seconds
        before = self._began_s
        if before is None or abs(began - before) > _JUMP_S:
            self._began_s = began
        else:
            self._began_s = before + _SHARE * (began - before)

    def position(self, time_s: float) -> float:
        """Seconds of the stream that have come in at a time, in seconds since 1970; 0 before it began."""
        return 0.0 if self._began_s is None else time_s - self._began_s
