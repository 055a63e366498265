"""A loop of settings that is walked round and round while a stream plays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from latentfx.errors import ControlError, LatentFXError

_ROUND_S: Final = 0.01
SHORTEST_S, LONGEST_S = 0.1, 600.0
MOST_STEPS: Final = 256

Steps = Sequence[Mapping[str, float]]
Path2D = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LoopView:
    """A loop as a player sees it.

    Args:
        blend: name of the map on which it was drawn.
        seconds: how long a round takes.
        points: the path as it was drawn, 0 to 1 across and down.
        began: seconds of the stream at which it began.
    """

    blend: str
    seconds: float
    points: Path2D
    began: float


class Walk:
    """Walks one loop at a time, in a thread of its own.

    Args:
        set_values: sets controls by name.
        now: seconds of the stream.
    """

    def __init__(self, set_values: Callable[[Mapping[str, float]], None], now: Callable[[], float]) -> None:
        self._set = set_values
        self._now = now
        self._lock = threading.Lock()
        self._halt: threading.Event | None = None
        self.loop: LoopView | None = None

    def start(self, blend: str, seconds: float, points: Path2D, steps: Steps) -> None:
        """Begin a loop; the one before ends.

        Raises:
            ControlError: a loop that makes no sense, or controls that the plugin does not have.
        """
        _check(seconds, points, steps)
        self.stop()
        with self._lock:
            self._set(steps[0])
            self.loop = LoopView(blend, seconds, points, self._now())
            self._halt = threading.Event()
            work = threading.Thread(
                target=self._walk, args=(self.loop, steps, self._halt), name="latentfx-walk", daemon=True
            )
            work.start()

    def stop(self) -> None:
        """End the loop; the controls stay where they are."""
        with self._lock:
            if self._halt is not None:
                self._halt.set()
            self._halt = self.loop = None

    def _walk(self, loop: LoopView, steps: Steps, halt: threading.Event) -> None:
        while not halt.wait(_ROUND_S):
            way = (self._now() - loop.began) / loop.seconds % 1.0
            try:
                self._set(between(steps, way))
            except LatentFXError:  # another plugin plays, which has other controls
                if self.loop is loop:
                    self.loop = None
                return


def between(steps: Steps, way: float) -> dict[str, float]:
    """The settings at a part of the way round, on straight lines between the steps, the last to the first.

    >>> between([{"mix": 0.0}, {"mix": 1.0}], 0.75)
    {'mix': 0.5}
    """
    place = way * len(steps)
    at = int(place) % len(steps)
    here, there = steps[at], steps[(at + 1) % len(steps)]
    part = place - int(place)
    return {name: value + part * (there[name] - value) for name, value in here.items()}


def _check(seconds: float, points: Path2D, steps: Steps) -> None:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ControlError(f"a round takes {seconds:g} s; allowed {SHORTEST_S:g} to {LONGEST_S:g} s")
    if not 2 <= len(steps) <= MOST_STEPS or len(points) != len(steps):
        raise ControlError(
            f"a loop has {len(steps)} steps and {len(points)} points; allowed are 2 to {MOST_STEPS}, and as "
            "many of both"
        )
    if any(step.keys() != steps[0].keys() for step in steps):
        raise ControlError("the steps of a loop set different controls; give the same in each")
