"""Ctrl-C and a polite kill end a verb, also where its main thread waits for what never comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if not hasattr(os, "mkfifo"):
    pytest.fail("these tests need a system with FIFOs")

COMMAND = [sys.executable, "-c", "from latentfx.cli import main; main()"]
BUSY = """
import signal, sys
from latentfx.cli.stops import hear_kills, hear_stops
from latentfx.files import PartFile
from pathlib import Path
hear_kills(); hear_stops()
part = PartFile(Path(sys.argv[1])); part.create()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)  # as a library that is stuck and hears nothing
print("ready", flush=True)
while True:
    signal.pause()
"""


def ended(process: subprocess.Popen[str], number: int) -> int:
    """Send a signal; the exit code. A process that goes on for 10 s has not heard it."""
    process.send_signal(number)
    try:
        return process.wait(10)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_apply_of_a_fifo_that_never_speaks_ends(tmp_path: Path, number: int) -> None:
    fifo = tmp_path / "silent.wav"
    os.mkfifo(fifo)
    command = [*COMMAND, "apply", str(fifo), str(tmp_path / "out.wav")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    writer = os.open(fifo, os.O_RDWR)  # somebody holds the other end, and says nothing
    try:
        time.sleep(3)
        assert ended(process, number) != 0
    finally:
        os.close(writer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["silent.wav"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_program_that_does_not_hear_a_signal_is_ended_and_leaves_no_part(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path / "out.wav")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    assert ended(process, number) == 128 + number
    assert list(tmp_path.iterdir()) == []
