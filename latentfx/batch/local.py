"""Workers on this machine: processes, each with the plugin loaded once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Final

from latentfx.batch import stores
from latentfx.batch.crew import Crew, WorkerLostError
from latentfx.batch.task import Outcome, Task
from latentfx.batch.worker import Order, Worker
from latentfx.files import discard_parts, discard_parts_of

_GRACE_S: Final = 0.8
_worker: Worker | None = None  # of this process, where it is one of a crew


@dataclass(frozen=True, eq=False)
class Seat:
    """One process.

    Args:
        pool: an executor with one process: where that dies, no other is hit.
        process: of the executor.
    """

    pool: ProcessPoolExecutor
    process: BaseProcess


class LocalCrew(Crew[Seat, "Future[Outcome | None]"]):
    """Processes of this machine.

    Args:
        order: what each is given at its start.
        size: how many there are to be.
    """

    def __init__(self, order: Order, size: int) -> None:
        super().__init__(size)
        self._order = order
        self._seats: dict[Future[Outcome | None], Seat] = {}
        self._all: set[Seat] = set()

    def start(self) -> tuple[Seat, Future[Outcome | None]]:
        context = multiprocessing.get_context("spawn")
        before = set(multiprocessing.active_children())
        with _deaf():  # a stop finds every process in `_all`, and ends it
            pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._order,))
            started: Future[Outcome | None] = pool.submit(_ready)
            seat = Seat(pool, (set(multiprocessing.active_children()) - before).pop())
            self._all.add(seat)
            self._seats[started] = seat
        return seat, started

    def ask(self, worker: Seat, task: Task) -> Future[Outcome | None]:
        try:
            asked: Future[Outcome | None] = worker.pool.submit(_work, task)
        except BrokenProcessPool as error:  # it died while it had nothing to do
            asked = Future()
            asked.set_exception(error)
        self._seats[asked] = worker
        return asked

    def wait(self, handles: Collection[Future[Outcome | None]]) -> Iterable[Future[Outcome | None]]:
        return wait(handles, return_when=FIRST_COMPLETED).done

    def take(self, handle: Future[Outcome | None]) -> Outcome | None:
        seat = self._seats.pop(handle)
        try:
            return handle.result()
        except BrokenProcessPool:
            raise WorkerLostError(_how(seat.process)) from None

    def forget(self, worker: Seat) -> None:
        worker.pool.shutdown(wait=False)
        self._all.discard(worker)
        self._seats = {handle: seat for handle, seat in self._seats.items() if seat is not worker}

    def stop(self, tasks: Iterable[Task]) -> None:
        for seat in self._all:
            seat.process.terminate()
        left = [seat.process.sentinel for seat in self._all]
        while left and (ended := wait_for(left, _GRACE_S)):
            left = [sentinel for sentinel in left if sentinel not in ended]
        for seat in self._all:
            with suppress(ValueError):
                seat.process.kill()
            seat.pool.shutdown(wait=True, cancel_futures=True)
        self._all.clear()
        for task in tasks:
            self.clear(task)

    def clear(self, task: Task) -> None:
        if not stores.scheme_of(task.target):
            discard_parts_of(Path(task.target))


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C and a closed terminal, not even while they import.

    Here both are heard afterwards, and a polite kill too: a process whose start is broken off prints a
    traceback, and so does Python's tracker of semaphores when a closed terminal ends it.
    """
    if sys.platform == "win32":
        yield
        return
    with _later(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _later(*numbers: signal.Signals) -> Iterator[None]:
    """Put off what the handlers of signals do until this block is over."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers never run here
        return
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, lambda came, _: heard.append(came))
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
        for came in heard[:1]:
            signal.raise_signal(came)


def _begin(order: Order) -> None:
    """Set a process up: it ends with its parent, and leaves nothing half-written when it is told to end."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_follow_parent, name="latentfx-parent", daemon=True).start()
    _worker = Worker(order)


def _ready() -> None:
    """Answer when the process is set up."""


def _work(task: Task) -> Outcome:
    if _worker is None:
        raise RuntimeError("this process was not set up")
    return _worker.run(task)


def _end(number: int, frame: FrameType | None) -> None:
    discard_parts()
    os._exit(128 + number)


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        discard_parts()
        os._exit(1)


def _how(process: BaseProcess) -> str:
    """How a process ended, in words."""
    process.join(_GRACE_S)
    code = process.exitcode
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}; is there enough memory?"
    return f"its process ended with exit code {code}"
