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
import signal, sys, time
from latentfx.cli.stops import hear_kills, hear_stops
from latentfx.files import PartFile
from pathlib import Path
hear_kills(); hear_stops()
part = PartFile(Path(sys.argv[1])); part.create()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: None)  # as a library that is stuck and hears nothing
class Hangs:
    def find_spec(self, *_):  # as an import that another thread has begun
        time.sleep(60)
sys.meta_path.insert(0, Hangs())
print("ready", flush=True)
while True:
    signal.pause()
"""

LOADING = """
import os, signal, sys
number = int(sys.argv.pop())
for other in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(other, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell runs us behind
class Finder:
    def find_spec(self, name, path, target=None):
        if name == "torch":
            try:
                os.kill(os.getpid(), number)
            except BaseException:
                print("raised, not ended", flush=True)
sys.meta_path.insert(0, Finder())
from latentfx.cli import main
main()
"""
LEAVES = """
import atexit, os, sys
from pathlib import Path
from latentfx import cli
from latentfx.cli import verbs
from latentfx.files import PartFile
class Kept:
    def __del__(self, write=os.write):
        write(1, b"end of Python\\n")
kept = Kept()
atexit.register(print, "at exit", flush=True)
PartFile(Path(sys.argv[1])).create()
verbs.app = lambda: sys.exit(int(sys.argv[2]))
cli.main()
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("verb", ["bench", "validate", "export", "evaluate"])
def test_signal_while_torch_is_loaded_ends_at_once(verb: str, number: int) -> None:
    words = [sys.executable, "-c", LOADING, verb, "ring", str(int(number))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (128 + number, ""), done.stderr
    assert "latentfx: stopped; nothing half-written is left\n" in done.stderr


@pytest.mark.parametrize(("code", "end"), [(129, []), (130, []), (143, []), (1, ["end of Python"])])
def test_stopped_program_cleans_up_and_leaves_without_the_end_of_python(
    tmp_path: Path, code: int, end: list[str]
) -> None:
    words = [sys.executable, "-c", LEAVES, str(tmp_path / "out.wav"), str(code)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (code, ["at exit", *end]), done.stderr
    assert bool(list(tmp_path.iterdir())) == (code == 1)
