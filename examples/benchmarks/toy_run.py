"""What the toy problems share: arguments, a progress bar, and a Ctrl-C that keeps what was done so far."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import torch
from rich.console import Console

from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.stopping import Stopper

STOPPED = 130  # what a shell reports after Ctrl-C


def toy_parser(text: str | None, seeds: int, steps: int, picture: str) -> argparse.ArgumentParser:
    """Make a parser with the arguments that every toy problem takes."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=seeds, help=f"train seeds 0 to this - 1 ({seeds})")
    parser.add_argument("--steps", type=int, default=steps, help=f"steps of each training ({steps})")
    parser.add_argument("--picture", type=Path, default=picture, help=f"draw it here ({picture})")
    parser.add_argument("--json", type=Path, help="write the figures of every seed here")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads that torch may use (1: more gain little)"
    )
    return parser


class Watcher:
    """Shows the progress of trainings, and ends them at Ctrl-C; their models stay usable.

    Args:
        threads: how many torch may use.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self._reporter = Reporter(Console(stderr=True, highlight=False))
        self._stopper = Stopper(None)
        self.stopped = False

    def __enter__(self) -> Watcher:
        self._stopper.__enter__()
        self._reporter.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reporter.__exit__(kind, error, trace)
        self._stopper.__exit__(kind, error, trace)

    def training(self, name: str, steps: int) -> Callable[[int, float], bool]:
        """Watch one training."""
        self._reporter.begin_stage(name, 0, steps)

        def watch(done: int, loss: float) -> bool:
            self._reporter.step(done, loss)
            self.stopped = self._stopper.reason is not None
            return not self.stopped

        return watch

    def exit_code(self) -> int:
        """0; after a Ctrl-C the code that shells expect."""
        if self.stopped:
            print("\nstopped: everything above, the picture and the JSON are of the steps that were done")
        return STOPPED if self.stopped else 0
