"""`latentfx live`, as a user starts it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-W", "error", "-c", "from latentfx.cli import main; main()", "live"]


def wait_for_line(process: subprocess.Popen[str], errors: Path) -> None:
    """Wait until the host plays: it says so in one line. One that ends before is an error."""
    end = time.monotonic() + 30
    while "playing" not in errors.read_text():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(errors.read_text())
        time.sleep(0.02)


def wait_for_text(errors: Path, wanted: str) -> None:
    """Wait until it has said something, given as a regular expression."""
    end = time.monotonic() + 60
    while re.search(wanted, errors.read_text()) is None:
        if time.monotonic() > end:
            raise AssertionError(f"{wanted!r} is not said: {errors.read_text()}")
        time.sleep(0.02)


def recorded(take: Path) -> int:
    """Bytes that both recordings hold while it plays: those of the shorter one."""
    parts = list(take.parent.glob(f".{take.stem}*.part"))
    return min(part.stat().st_size for part in parts) if len(parts) == 2 else 0


def wait_for_recorded(take: Path, size: int) -> None:
    """Wait until both recordings hold so many bytes; how long that takes is the sound server's affair."""
    end = time.monotonic() + 60
    while recorded(take) < size:
        if time.monotonic() > end:
            raise AssertionError(f"{recorded(take)} of {size} bytes are recorded")
        time.sleep(0.05)
