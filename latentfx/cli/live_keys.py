"""Single keys from the terminal, without waiting for Enter."""

from __future__ import annotations

import os
import sys
import time
from contextlib import AbstractContextManager
from typing import Any, Self

_ARROWS = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left"}


class Keys(AbstractContextManager["Keys"]):
    """Reads keys while it is open; where standard input is no terminal, it only waits."""

    def __init__(self) -> None:
        self._before: Any = None
        self._terminal = sys.stdin is not None and sys.stdin.isatty()

    def __enter__(self) -> Self:
        if self._terminal and sys.platform != "win32":
            import termios
            import tty

            self._before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)  # Ctrl-C stays Ctrl-C
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None and sys.platform != "win32":
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def read(self, patience_s: float) -> str:
        """Wait so long for a key: a letter, `up`, `down`, `left`, `right`; empty where none came."""
        if not self._terminal:
            time.sleep(patience_s)
            return ""
        if sys.platform == "win32":
            return self._read_windows(patience_s)
        import select

        if not select.select([sys.stdin], [], [], patience_s)[0]:
            return ""
        data = os.read(sys.stdin.fileno(), 16)
        return _ARROWS.get(data[:3]) or data[:1].decode("ascii", "ignore")

    @staticmethod
    def _read_windows(patience_s: float) -> str:
        if sys.platform != "win32":
            return ""
        import msvcrt

        end = time.monotonic() + patience_s
        while not msvcrt.kbhit():
            if time.monotonic() > end:
                return ""
            time.sleep(0.01)
        key = msvcrt.getwch()
        if key in ("\x00", "\xe0"):
            return {"H": "up", "P": "down", "M": "right", "K": "left"}.get(msvcrt.getwch(), "")
        return key
