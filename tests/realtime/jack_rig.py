"""A sound card that is not there: a private JACK server, and two clients as microphone and loudspeaker.

The server runs in synchronous mode: it waits for a client that is late, so that time stretches on a busy
machine and no sample is lost. JACK's port latencies are set to one period each way, because PortAudio 19.6
takes a latency of 0 for one of 2**32 samples.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Self

import jack
import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Event = tuple[int, bytes]
RATE = 48_000
SHARED = Path("/dev/shm")
NAME = "latentfx-tests"  # JACK has 8 slots for servers; a name uses its own again
_PATIENCE_S = 1800


@functools.cache
def enter_jack() -> None:
    """Call it before anything here touches JACK: a client keeps the shared memory that it found then.

    The first of several processes takes away what killed servers left; while one is there no other does.
    """
    users = _lock_file("users")
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _purge_stale()
    fcntl.flock(users, fcntl.LOCK_SH)


@functools.cache
def _lock_file(name: str) -> IO[bytes]:
    """A file that processes of this machine lock; the end of one releases what it holds."""
    return (SHARED / f"latentfx-{os.getuid()}-{name}.lock").open("wb")


def _wait_for_turn() -> None:
    """One server at a time: a small machine has memory for one, and clients of one stumble over another."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(_lock_file("server"), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise RuntimeError("another run of these tests or benchmarks keeps its JACK server") from None
        time.sleep(0.1)


def _purge_stale() -> None:
    """Take away what killed servers left; only where none runs."""
    if not any(_is_jackd(path) for path in Path("/proc").glob("[0-9]*/stat")):
        for path in SHARED.glob("jack[-_]*"):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_jackd(path: Path) -> bool:
    with contextlib.suppress(OSError):
        name, _, rest = path.read_text().partition("(")[2].rpartition(")")
        return name in ("jackd", "jackdbus") and rest.split()[0] not in "ZX"
    return False


def die_with_parent() -> None:
    """For a child process: end when the tests do."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class JackServer:
    """A JACK server with the dummy driver. One runs at a time on this machine: others wait for their turn.

    With `sync` it waits for late clients; without, it goes on, as a sound card does.
    """

    def __init__(self, folder: Path, period: int = 128, sync: bool = True) -> None:
        enter_jack()
        self._log = folder / "jackd.log"
        # 128 ports take 41 MB of shared memory; a container has 64.
        server = ["-n", NAME, "-p", "128", *(["-r", "-S"] if sync else ["-R"])]
        driver = ["-d", "dummy", "-r", str(RATE), "-p", str(period), "-C", "2", "-P", "2"]
        self._command = ["jackd", *server, *driver]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        os.environ |= {
            "JACK_DEFAULT_SERVER": NAME,
            "JACK_NO_START_SERVER": "1",
            "JACK_NO_AUDIO_RESERVATION": "1",
        }
        jack.set_error_function(lambda message: None)
        jack.set_info_function(lambda message: None)
        _wait_for_turn()
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                self._start()  # again, where a killed one of this name is not quite gone
            with contextlib.suppress(jack.JackOpenError):
                jack.Client("probe", no_start_server=True).close()
                return self
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"jackd did not come up: {self._log.read_text()[-400:]}")

    def _start(self) -> None:
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent
            )

    def stop(self) -> None:
        """End the server, once; its clients should be gone by then."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for path in (*SHARED.glob(f"jack_sem.*_{NAME}_*"), *SHARED.glob(f"jack_{NAME}_*")):
            with contextlib.suppress(OSError):
                path.unlink()
        fcntl.flock(_lock_file("server"), fcntl.LOCK_UN)

    def __exit__(self, *exception: object) -> None:
        self.stop()


class _Range(ctypes.Structure):
    _fields_ = (("min", ctypes.c_uint32), ("max", ctypes.c_uint32))


class Rig:
    """The devices `horn` (plays a recording and MIDI) and `room` (records what it hears)."""

    def __init__(self, channels: int = 1) -> None:
        self.down = threading.Event()
        self.channels = channels
        self.horn = jack.Client("horn", no_start_server=True)
        self.room = jack.Client("room", no_start_server=True)
        flags = {"is_physical": True, "is_terminal": True}
        self._plays = [self.horn.outports.register(f"capture_{n + 1}", **flags) for n in range(channels)]
        self._hears = [self.room.inports.register(f"playback_{n + 1}", **flags) for n in range(channels)]
        self._midi = self.horn.midi_outports.register("midi")
        self._job: dict[str, Any] | None = None
        self._declare_latency()
        self.horn.set_process_callback(self._play)
        self.room.set_process_callback(self._hear)
        self.room.set_shutdown_callback(lambda *_: self.down.set())
        self.horn.activate()
        self.room.activate()
        self._set_latency(self._plays, 0)
        self._set_latency(self._hears, 1)

    def connect_midi(self, port: str, patience_s: float = 10.0) -> None:
        """Lead the rig's MIDI to a port whose name has this in it."""
        end = time.monotonic() + patience_s
        while not (found := self.horn.get_ports(port, is_midi=True, is_input=True)):
            if time.monotonic() > end:
                raise RuntimeError(f"no MIDI port {port}")
            time.sleep(0.02)
        self.horn.connect(self._midi, found[0])

    def play(self, audio: Audio, midi: Iterable[Event] = (), tail: int = 16_384, whole: bool = True) -> Audio:
        """Play a recording, with MIDI bytes at these samples, and return what was heard meanwhile.

        JACK loses a period when a client comes or goes; with `whole` that is an error, else it is NaN.

        Shape:
            audio [C, T] -> [C, T + tail or a little more], sample for sample on the same axis
        """
        audio = np.asarray(audio, np.float32).reshape(self.channels, -1)
        period = self.horn.blocksize
        total = -(-(audio.shape[1] + tail) // period) * period
        heard = np.full((self.channels, total), np.nan, np.float32)
        done = threading.Event()
        self._job = {"audio": audio, "heard": heard, "start": None, "done": done, "midi": sorted(midi)}
        finished = done.wait(30 + 4 * total / RATE)
        self._job = None
        assert finished, "the recording did not finish"
        assert not self.down.is_set(), "the server went down"
        assert not (whole and np.isnan(heard).any()), "samples were lost"
        return heard

    def close(self) -> None:
        """Take the devices away."""
        for client in (self.room, self.horn):
            with contextlib.suppress(jack.JackError):
                client.deactivate()
            client.close()

    def _play(self, frames: int) -> None:
        self._midi.clear_buffer()
        job = self._job
        now = self.horn.last_frame_time
        if job is not None and job["start"] is None:
            job["start"] = now + frames  # the next time: `room` may have had its turn this time
        at = -1 if job is None else now - job["start"]
        if job is None or at < 0:
            for port in self._plays:
                port.get_array()[:] = 0
            return
        for port, row in zip(self._plays, job["audio"], strict=True):
            buffer, piece = port.get_array(), row[at : at + frames]
            buffer[: len(piece)] = piece
            buffer[len(piece) :] = 0
        events = job["midi"]
        while events and events[0][0] < at + frames:
            when, data = events.pop(0)
            self._midi.write_midi_event(max(0, when - at), data)

    def _hear(self, frames: int) -> None:
        job = self._job
        if job is None or job["start"] is None or job["done"].is_set():
            return
        at = self.room.last_frame_time - job["start"]
        if at >= job["heard"].shape[1]:
            job["done"].set()
        elif at >= 0:
            for port, row in zip(self._hears, job["heard"], strict=True):
                row[at : at + frames] = port.get_array()[: len(row) - at]

    def _declare_latency(self) -> None:
        self._library = ctypes.CDLL("libjack.so.0")
        callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
        self._library.jack_port_set_latency_range.argtypes = [
            ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Range)
        ]  # fmt: skip
        self._library.jack_set_latency_callback.argtypes = [ctypes.c_void_p, callback, ctypes.c_void_p]
        self._callbacks = [
            callback(lambda mode, _: self._set_latency(self._plays, 0) if mode == 0 else None),
            callback(lambda mode, _: self._set_latency(self._hears, 1) if mode == 1 else None),
        ]
        for client, function in zip((self.horn, self.room), self._callbacks, strict=True):
            self._library.jack_set_latency_callback(_pointer(client), function, None)

    def _set_latency(self, ports: list[Any], mode: int) -> None:
        size = self.horn.blocksize
        for port in ports:
            self._library.jack_port_set_latency_range(_pointer(port), mode, ctypes.byref(_Range(size, size)))


def _pointer(thing: Any) -> int:
    return int(jack._ffi.cast("uintptr_t", thing._ptr))
