"""What a run says while it goes: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Reporter:
    """Shows where a run is.

    Args:
        console: where to; None is the standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

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

    def begin_stage(self, name: str, done: int, total: int) -> None:
        """Start the bar of a stage."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total, completed=done, loss="-")

    def step(self, done: int, loss: float) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, loss=f"{loss:.4g}")

    def validated(
        self, stage: str, done: int, total: int, parts: Mapping[str, float], is_best: bool, left_s: float
    ) -> None:
        """Print the result of a validation."""
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in parts.items())
        mark = "  (best)" if is_best else ""
        self.say(f"{stage} {done}/{total}  {numbers}{mark}  about {left_s / 60:.0f} min left in this stage")
