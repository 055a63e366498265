"""The interpreter while it makes sound: no collector, short turns, no denormal numbers."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL_S = 0.0005
MEASURE, WORKER, CALLBACK = 4, 5, 6  # priorities of 99; sound servers take 10 and more

_lock = threading.Lock()
_streams = 0
_before = (True, 0.005)


@contextmanager
def steady() -> Iterator[None]:
    """Keep the interpreter from making audio late, and put everything back at the end.

    The garbage collector is off (a pass over a large program takes longer than an audio block), and a thread
    that wants the interpreter gets it after half a millisecond. Several streams may be steady at a time.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _streams, _before
    with _lock:
        if _streams == 0:
            _before = (gc.isenabled(), sys.getswitchinterval())
            gc.collect()
            gc.freeze()
            gc.disable()
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        _streams += 1


def _leave() -> None:
    global _streams
    with _lock:
        _streams -= 1
        if _streams == 0:
            enabled, interval = _before
            sys.setswitchinterval(interval)
            gc.unfreeze()
            if enabled:
                gc.enable()


def hurry(priority: int) -> bool:
    """Run the thread that calls this before all that makes no sound, unless its sound system saw to that.

    Args:
        priority: 1 to 99, the callback's above the worker's.

    Returns:
        Whether this machine lets us; Linux does for root and for users with a limit `rtprio`.
    """
    if sys.platform != "linux":
        return False
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except OSError:
        return False
    return True


def flush_denormals() -> bool:
    """Take numbers below 1e-38 as 0 in the thread that calls this: they are 100 times slower than others.

    Returns:
        Whether this machine was told; False where we do not know how.
    """
    machine, system = platform.machine().lower(), platform.system()
    try:
        if system == "Windows":
            return _flush_windows()
        if machine in ("x86_64", "amd64"):
            return _flush_posix(64, 28 if system == "Linux" else 4, 0x8040)
        if machine in ("arm64", "aarch64"):
            return _flush_posix(16, *((0, 1 << 24) if system == "Linux" else (8, 1 << 24)))
    except (AttributeError, OSError):
        return False
    return False


def _flush_posix(size: int, offset: int, bits: int) -> bool:
    """Set bits of the floating-point environment: x86's MXCSR (FTZ, DAZ) or ARM's FPCR (FZ)."""
    library = ctypes.CDLL(None)
    environment = ctypes.create_string_buffer(size)
    if library.fegetenv(environment):
        return False
    register = ctypes.c_uint32.from_buffer(environment, offset)
    register.value |= bits
    return not library.fesetenv(environment)


def _flush_windows() -> bool:
    library = ctypes.CDLL("ucrtbase")
    now = ctypes.c_uint()
    return not library._controlfp_s(ctypes.byref(now), 0x0100_0000, 0x0300_0000)
