"""A process that loads files which may crash it or take its memory."""

from __future__ import annotations

import select
import struct
import subprocess
import sys
from pathlib import Path

SOON_S = 20.0
PROGRAM = Path(__file__).with_name("loader_worker.py")


class Loader:
    """A process that loads what it is sent."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def load(self, data: bytes) -> str:
        """How loading ended; a crash or a hang is an AssertionError."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, str(PROGRAM)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack("<I", len(data)) + data)
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], SOON_S)
        answer = self._process.stdout.readline().decode() if ready else ""
        if not answer:
            code = self._process.poll()
            self.close()
            raise AssertionError(
                f"loading hangs for {SOON_S:g} s" if not ready else f"the loader died: {code}"
            )
        assert not answer.startswith("fault"), answer
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
