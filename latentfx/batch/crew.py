"""Shares recordings out among workers that may die: what a dead one had in hand goes to another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import Final, Generic, TypeVar

from latentfx.batch.task import Outcome, Task

MOST_TRIES: Final = 2
MOST_BAD_STARTS: Final = 3

W = TypeVar("W")  # a worker
H = TypeVar("H")  # a handle of something that a worker was asked for


class WorkerLostError(Exception):
    """A worker is gone; says how."""


class Crew(ABC, Generic[W, H]):
    """Workers of one kind, wherever they are.

    Args:
        size: how many there are to be.
        in_hand: tasks that a worker has at once; more than one where asking takes long.
    """

    def __init__(self, size: int, in_hand: int = 1) -> None:
        self.size = size
        self.in_hand = in_hand

    @abstractmethod
    def start(self) -> tuple[W, H]:
        """Start a worker. The handle ends when it is ready."""

    @abstractmethod
    def ask(self, worker: W, task: Task) -> H:
        """Give a worker a task; it does them in order."""

    @abstractmethod
    def wait(self, handles: Collection[H]) -> Iterable[H]:
        """Wait until at least one handle has ended, and return those that have.

        Returns nothing where no worker is left that could end one.
        """

    @abstractmethod
    def take(self, handle: H) -> Outcome | None:
        """What a handle ended with; None for that of a start.

        Raises:
            WorkerLostError: its worker is gone.
        """

    @abstractmethod
    def forget(self, worker: W) -> None:
        """Let go of a worker that is gone, or no longer needed."""

    @abstractmethod
    def stop(self, tasks: Iterable[Task]) -> None:
        """End every worker at once; nothing half-written is left of these tasks."""

    @abstractmethod
    def clear(self, task: Task) -> None:
        """Remove what a worker that is gone had half-written."""


class Share(Generic[W, H]):
    """One batch among the workers of a crew.

    Args:
        crew: does the work.
        tasks: to be done; taken as workers are free.
    """

    def __init__(self, crew: Crew[W, H], tasks: Iterator[Task]) -> None:
        self._crew = crew
        self._fresh = tasks
        self._again: deque[Task] = deque()
        self._asked: dict[H, tuple[W, Task | None]] = {}
        self._tries: Counter[int] = Counter()
        self._bad_starts = 0
        self._last_loss = ""

    def run(self) -> Generator[Outcome]:
        """The outcome of every task, in the order in which they end."""
        try:
            for _ in range(self._crew.size):
                self._start()
            while self._asked and self._is_open():
                ended = [*self._crew.wait(self._asked)]
                if not ended:
                    break
                for handle in ended:
                    if handle in self._asked:
                        yield from self._end(handle)
            yield from self._give_up()
        finally:
            self._crew.stop([task for _, task in self._asked.values() if task is not None])

    def _is_open(self) -> bool:
        """Whether a task is worked on, or waits for a worker that starts."""
        return any(task is not None for _, task in self._asked.values()) or self._more()

    def _start(self) -> None:
        worker, handle = self._crew.start()
        self._asked[handle] = worker, None

    def _end(self, handle: H) -> Iterator[Outcome]:
        worker, task = self._asked[handle]
        try:
            outcome = self._crew.take(handle)
        except WorkerLostError as lost:
            yield from self._lose(worker, str(lost))
            return
        del self._asked[handle]
        self._bad_starts = 0
        if outcome is not None:
            yield outcome
        self._fill(worker, self._crew.in_hand if task is None else 1)

    def _fill(self, worker: W, count: int) -> None:
        for _ in range(count):
            task = self._again.popleft() if self._again else next(self._fresh, None)
            if task is None:
                if all(other is not worker for other, _ in self._asked.values()):
                    self._crew.forget(worker)
                return
            self._asked[self._crew.ask(worker, task)] = worker, task

    def _lose(self, worker: W, how: str) -> Iterator[Outcome]:
        """A worker is gone. The first task that it had may be why; the others only waited."""
        self._last_loss = how
        held = [handle for handle, (other, _) in self._asked.items() if other is worker]
        tasks = [self._asked.pop(handle)[1] for handle in held]
        self._crew.forget(worker)
        working, waiting = tasks[0], [task for task in tasks[1:] if task is not None]
        self._again.extendleft(reversed(waiting))
        if working is None:
            self._bad_starts += 1
        else:
            self._crew.clear(working)
            self._tries[working.number] += 1
            if self._tries[working.number] < MOST_TRIES:
                self._again.appendleft(working)
            else:
                yield Outcome.failed(working, f"its worker was lost {MOST_TRIES} times: {how}")
        if self._bad_starts < MOST_BAD_STARTS and self._more():
            self._start()

    def _more(self) -> bool:
        """Whether tasks are left for a new worker."""
        if not self._again and (task := next(self._fresh, None)) is not None:
            self._again.append(task)
        return bool(self._again)

    def _give_up(self) -> Iterator[Outcome]:
        """Let go of workers that still start, and name what nobody is left to do."""
        held = [*self._asked.values()]
        self._asked.clear()
        tasks = [task for _, task in held if task is not None]
        for worker, task in held:
            if task is None:
                self._crew.forget(worker)
            else:
                self._crew.clear(task)
        for left in (tasks, self._again, self._fresh):
            for task in left:
                yield Outcome.failed(task, f"no worker is left: {self._last_loss or 'none could be started'}")
