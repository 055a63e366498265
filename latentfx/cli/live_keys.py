"""Single keys from the terminal, without waiting for Enter."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import AbstractContextManager, suppress
from typing import Any, Self

_ESCAPE = "\x1b"
_NAMED = {"A": "up", "B": "down", "C": "right", "D": "left", _ESCAPE: "escape"}
_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)(?P<code>[@-~])|\x1b|(?P<letter>.)", re.DOTALL)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_AT_ONCE = 1024


class Keys(AbstractContextManager["Keys"]):
    """Reads keys while it is open. Without a terminal at the standard input, it only waits."""

    def __init__(self) -> None:
        self._before: Any = None
        self._begun = ""
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

            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def read(self, patience_s: float) -> list[str]:
        """Wait for keys, at most so long: letters, `up`, `down`, `left`, `right` and `escape`, in order."""
        if not self._terminal:
            time.sleep(patience_s)
            return []
        if sys.platform == "win32":
            return self._read_windows(patience_s)
        import select

        late = not select.select([sys.stdin], [], [], patience_s)[0]
        text = self._begun + ("" if late else self._more())
        begun = None if late else _BEGUN.search(text)  # the rest of a key comes at once, or never
        self._begun = "" if begun is None else begun[0]
        return _keys(text.removesuffix(self._begun))

    def _more(self) -> str:
        """What was typed. Once the terminal is gone, nothing is read any more."""
        try:
            data = os.read(sys.stdin.fileno(), _AT_ONCE)
        except OSError:
            data = b""
        self._terminal = bool(data)
        return data.decode("ascii", "ignore")

    @staticmethod
    def _read_windows(patience_s: float) -> list[str]:
        if sys.platform != "win32":
            return []
        import msvcrt

        end = time.monotonic() + patience_s
        keys: list[str] = []
        while not msvcrt.kbhit() and time.monotonic() < end:
            time.sleep(0.01)
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            if key in ("\x00", "\xe0"):
                key = {"H": "up", "P": "down", "M": "right", "K": "left"}.get(msvcrt.getwch(), "")
            keys.append("escape" if key == _ESCAPE else key)
        return keys


def _keys(text: str) -> list[str]:
    """Read letters, Escape, and the sequences that terminals send for arrows. Other keys are passed over."""
    keys = (match["letter"] or _NAMED.get(match["code"] or match[0], "") for match in _KEY.finditer(text))
    return [key for key in keys if key]
