"""Workers on a Ray cluster: actors, each with the plugin loaded once. Recordings travel by storage."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from latentfx.batch import stores
from latentfx.batch.crew import Crew, WorkerLostError
from latentfx.batch.task import Outcome, Task
from latentfx.batch.worker import Order, Worker
from latentfx.errors import ClusterError, MissingExtraError
from latentfx.files import discard_parts_of

PROCESSORS: Final = 1  # that an actor takes
_GRACE_S: Final = 2.0
_PATIENCE_S: Final = 120.0
_IN_HAND: Final = 2
_STORE_BYTES: Final = 100 << 20  # Ray's memory for objects: ours are small
# Ray sends nothing home, and says nothing about graphics cards.
_SETTINGS: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class StoppedError(Exception):
    """The batch was stopped while a recording was worked on."""


class Actor:
    """What an actor runs: a worker that can be told to stop.

    Args:
        order: what it needs for all recordings.
    """

    def __init__(self, order: Order) -> None:
        self._worker = Worker(order)
        self._stopped = threading.Event()

    def ready(self) -> str:
        """Answer when the plugin is loaded: the version of latentfx."""
        return version("latentfx")

    def run(self, task: Task) -> Outcome:
        """Run one recording."""
        self._go_on(0, 0)
        return self._worker.run(task, self._go_on)

    def stop(self) -> None:
        """Leave off what is being worked on, and what comes."""
        self._stopped.set()

    def _go_on(self, done: int, total: int) -> None:
        if self._stopped.is_set():
            raise StoppedError("stopped")


class RayCrew(Crew[Any, Any]):
    """Actors of a Ray cluster; use it in a `with` block.

    A cluster that runs on this machine is used, or one is started and shut down at the end.

    Args:
        order: what each actor is given at its start.
        on: `ray`, or `ray://HOST:PORT`.
        jobs: how many actors; as many as the cluster has processors where None.
        count: of the recordings; there are never more actors.

    Attributes:
        patience_s: how long to wait for a worker where none is left.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached.
    """

    patience_s = _PATIENCE_S

    def __init__(self, order: Order, on: str, jobs: int | None, count: int) -> None:
        try:
            for name, value in _SETTINGS.items():
                os.environ.setdefault(name, value)
            import ray
        except ImportError:
            raise MissingExtraError(f"--on {on}", "ray", "ray") from None
        self._ray: Any = ray
        self._joined = not ray.is_initialized()
        if self._joined:
            self._join(on, jobs)
        processors = int(ray.cluster_resources().get("CPU", 1))
        super().__init__(max(1, min(jobs or processors, count)), _IN_HAND)
        self._asked: dict[Any, Any] = {}  # handle -> the actor that was asked
        self._starting: set[Any] = set()
        self._all: list[Any] = []
        self._order = ray.put(order)
        self._kind = ray.remote(num_cpus=PROCESSORS, concurrency_groups={"stop": 1})(_actor(ray))

    def start(self) -> tuple[Any, Any]:
        actor = self._kind.remote(self._order)
        started = actor.ready.remote()
        self._all.append(actor)
        self._starting.add(started)
        self._asked[started] = actor
        return actor, started

    def ask(self, worker: Any, task: Task) -> Any:
        asked = worker.run.remote(task)
        self._asked[asked] = worker
        return asked

    def wait(self, handles: Collection[Any]) -> Iterable[Any]:
        asked = [*handles]
        works = any(handle not in self._starting for handle in asked)
        ended: list[Any]
        ended, _ = self._ray.wait(asked, timeout=None if works else self.patience_s)
        if len(asked) > 1 and ended:
            ended, _ = self._ray.wait(asked, num_returns=len(asked), timeout=0)
        return ended

    def take(self, handle: Any) -> Outcome | None:
        self._asked.pop(handle, None)
        self._starting.discard(handle)
        try:
            result = self._ray.get(handle)
        except self._ray.exceptions.RayError as error:
            raise WorkerLostError(_how(error)) from None
        if isinstance(result, Outcome):
            return result
        if result != version("latentfx"):
            raise ClusterError(
                f"the cluster has latentfx {result}, and here is {version('latentfx')}; install one version "
                "on both"
            )
        return None

    def forget(self, worker: Any) -> None:
        """Let the actor end: it does when nobody holds it."""
        self._all = [actor for actor in self._all if actor is not worker]
        self._asked = {handle: actor for handle, actor in self._asked.items() if actor is not worker}

    def stop(self, tasks: Iterable[Task]) -> None:
        for actor in self._all:
            actor.stop.remote()
        works = [handle for handle in self._asked if handle not in self._starting]
        if works:
            self._ray.wait(works, num_returns=len(works), timeout=_GRACE_S)
        for actor in self._all:
            self._ray.kill(actor)
        self._all.clear()
        for task in tasks:
            self.clear(task)

    def clear(self, task: Task) -> None:
        if not stores.scheme_of(task.target):
            discard_parts_of(Path(task.target))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._joined:
            self._ray.shutdown()

    def _join(self, on: str, jobs: int | None) -> None:
        """Join the cluster that is named, or one that runs here, or start one."""
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            self._ray.init("auto" if on == "ray" else on, **quiet)
        except (ConnectionError, TimeoutError, OSError, ValueError, RuntimeError) as error:
            if on != "ray" or not isinstance(error, ConnectionError):
                lines = str(error).strip().splitlines()
                why = " ".join(dict.fromkeys((*lines[:1], *lines[-1:])))
                raise ClusterError(
                    f"the Ray cluster {on} cannot be reached ({why}); start one with: "
                    "ray start --head, and give ray://HOST:10001"
                ) from None
            self._ray.init(
                num_cpus=jobs,
                include_dashboard=False,
                object_store_memory=_STORE_BYTES,
                _node_ip_address="127.0.0.1",
                **quiet,
            )


def _actor(ray: Any) -> type[Actor]:
    """The class of the actors: `stop` is heard while `run` works."""

    class Stoppable(Actor):
        @ray.method(concurrency_group="stop")  # type: ignore[untyped-decorator]  # Ray is not imported here
        def stop(self) -> None:
            super().stop()

    return Stoppable


def _how(error: Exception) -> str:
    """How an actor ended, in one line."""
    text = str(error).strip().splitlines()
    return f"Ray says {' '.join(text[:1])!r}"
