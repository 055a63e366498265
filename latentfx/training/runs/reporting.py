"""What a run says while it goes: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 15.0


class Reporter:
    """Shows where a run is: one bar for what it does now, and one for all of its steps.

    Args:
        console: where to; None is the standard output.
        line_every_s: seconds between two lines where the console is no terminal, and so shows no bars.
    """

    def __init__(self, console: Console | None = None, line_every_s: float = LINE_EVERY_S) -> None:
        self._console = console or Console(highlight=False)
        self._lines = not self._console.is_terminal
        self._line_every_s = line_every_s
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=self._lines,
        )
        self._now: TaskID | None = None
        self._all: TaskID | None = None
        self._name, self._total = "", 0
        self._ahead, self._whole = 0, 0
        self._began = (time.monotonic(), 0)
        self._said = float("-inf")

    def __enter__(self) -> Reporter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def begin_count(self, name: str, total: int) -> None:
        """Begin to count something that is made before the training, examples say."""
        self._begin(name, 0, total, "")
        self._said = float("-inf")

    def count(self, done: int) -> None:
        """Tell how many are made."""
        self._show(done, "")
        self._line(f"{self._name} {done} of {self._total}", at_once=done == self._total)

    def begin_run(self, total: int) -> None:
        """Tell how many steps the run has, all stages together."""
        self._whole = total
        self._all = self._bar.add_task("whole run", total=total, note="")

    def begin_stage(self, name: str, done: int, total: int, before: int = 0) -> None:
        """Start the bar of a stage.

        Args:
            name: of the stage.
            done: steps done in it.
            total: steps that it has.
            before: steps of the stages before it.
        """
        self._begin(name, done, total, "loss -")
        self._ahead = before
        self._began = (time.monotonic(), before + done)
        self._said = time.monotonic()
        if self._all is not None:
            self._bar.update(self._all, completed=before + done)

    def step(self, done: int, loss: float) -> None:
        """Move the bars by a step of a stage."""
        self._show(done, f"loss {loss:.4g}")
        if self._all is not None:
            self._bar.update(self._all, completed=self._ahead + done)
        if self._lines:
            self._line(f"{self._name} {done} of {self._total}  loss {loss:.4g}{self._in_all(done)}")

    def validated(
        self, stage: str, done: int, total: int, parts: Mapping[str, float], is_best: bool, left_s: float
    ) -> None:
        """Print the result of a validation."""
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in parts.items())
        mark = "  (best)" if is_best else ""
        self.say(f"{stage} {done}/{total}  {numbers}{mark}  about {left_s / 60:.0f} min left in this stage")

    def _begin(self, name: str, done: int, total: int, note: str) -> None:
        self._name, self._total = name, total
        if self._now is not None:
            self._bar.remove_task(self._now)
        self._now = self._bar.add_task(name, total=total, completed=done, note=note)

    def _show(self, done: int, note: str) -> None:
        if self._now is not None:
            self._bar.update(self._now, completed=done, note=note)

    def _line(self, text: str, at_once: bool = False) -> None:
        """Print a line where there are no bars, unless the last one was printed a moment ago."""
        now = time.monotonic()
        if self._lines and (at_once or now - self._said >= self._line_every_s):
            self._said = now
            self.say(text)

    def _in_all(self, done: int) -> str:
        if not self._whole:
            return ""
        at = self._ahead + done
        began_s, first = self._began
        left_s = (time.monotonic() - began_s) / max(at - first, 1) * (self._whole - at)
        return f"  {at} of {self._whole} steps in all, about {left_s / 60:.0f} min left"
