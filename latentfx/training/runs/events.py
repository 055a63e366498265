"""The curves of a run for TensorBoard."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path

from latentfx.errors import MissingExtraError


class EventFile:
    """Writes numbers where TensorBoard finds them.

    The folder is made anew from the CSV of curves, which resuming has cut at the last save: no step comes
    twice, however often a run was killed, and earlier steps are there also if TensorBoard was asked for late.

    Args:
        folder: what it held is replaced.
        curves: a file that `Curves` writes.
    Raises:
        MissingExtraError: tensorboard is not installed.
    """

    def __init__(self, folder: Path, curves: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("train.tensorboard", "tensorboard", error.name or "tensorboard") from None
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))
        with curves.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                parts = {row["part"]: float(row["value"]), "lr": float(row["lr"])}
                self.write(int(row["step"]), row["split"], parts)

    def write(self, step: int, split: str, parts: Mapping[str, float]) -> None:
        """Write numbers of one step.

        Args:
            step: in the whole run.
            split: `train` or `validation`.
            parts: by name.
        """
        for name, value in parts.items():
            self._writer.add_scalar(f"{name}/{split}", value, step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
