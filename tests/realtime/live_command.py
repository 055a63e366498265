"""`latentfx live`, as a user starts it."""

from __future__ import annotations

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
