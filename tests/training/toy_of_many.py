"""Trains a toy that draws nothing at random, in one process or in several, and writes what each one saw.

python toy_of_many.py FOLDER [--devices N] [--duel] [--noise] [--steps N] [--stop-at STEP] [--uneven]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn
from toy import FRAME, Toy, ToyConfig, toy_clips, toy_recipe

from latentfx.methods.base import Player
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.start import train


class Still(Toy):
    """The toy without dropout and noise: its loss is a mean over the rows of a batch."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.critic = nn.Linear(FRAME, 1)

    def players(self) -> tuple[Player, ...]:
        own = (*self.encoder.parameters(), *self.decoder.parameters())
        return (Player("model", own, self.loss),)

    def begin_stage(self, index: int) -> None:
        super().begin_stage(index)
        self.critic.requires_grad_(len(self.players()) > 1)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        error = (self.decoder(self.encoder(batch["frame"])) - batch["frame"]).square().mean()
        return {"loss": error, "error": error}

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"code": self.encoder(batch["frame"])}


class StillDuel(Still):
    """Against a critic, with an optimiser of its own."""

    def players(self) -> tuple[Player, ...]:
        critic = Player("critic", tuple(self.critic.parameters()), self.critic_loss, 0.003)
        return (*super().players(), critic)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = super().loss(batch)
        made = self.critic(self.decoder(self.encoder(batch["frame"])))
        return {**parts, "loss": parts["loss"] + 0.01 * nn.functional.softplus(-made).mean()}

    def critic_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        made = self.critic(self.decoder(self.encoder(batch["frame"])))
        real = self.critic(batch["frame"])
        return {"loss": (nn.functional.softplus(made) + nn.functional.softplus(-real)).mean()}


class Noisy(Still):
    """Draws at random, and writes down what it drew."""

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        noise = torch.randn(())
        if self.training:
            DRAWN.append(float(noise))
        parts = super().loss(batch)
        return {**parts, "loss": parts["loss"] + 0.0 * noise}


class Losses(Reporter):
    """Keeps the loss of every step, and may ask the run to stop."""

    def __init__(self, stop_at: int) -> None:
        super().__init__(Console(quiet=True))
        self.seen: list[float] = []
        self._stop_at = stop_at

    def step(self, done: int, loss: float) -> None:
        self.seen.append(loss)
        if len(self.seen) == self._stop_at:
            os.kill(os.getpid(), signal.SIGINT)


DRAWN: list[float] = []


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--devices", type=int)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--stop-at", type=int, default=0)
    parser.add_argument("--batch", type=int, default=4)
    for flag in ("--duel", "--noise"):
        parser.add_argument(flag, action="store_true")
    told = parser.parse_args()
    recipe = toy_recipe(
        stages={"alone": {"steps": told.steps}, "taught": {"steps": 4}},
        method={"dropout": 0.0},
        batch_size=told.batch,
        validate_every=10,
        ema=0.9,
    )
    reporter = Losses(told.stop_at)
    outcome = train(
        recipe,
        told.folder / "run",
        clips=toy_clips(),
        method=StillDuel if told.duel else Noisy if told.noise else Still,
        device="cpu",
        threads=1,
        devices=told.devices,
        reporter=reporter,
    )
    rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ.get("LOCAL_RANK", "0")
    seen = {"losses": reporter.seen, "drawn": DRAWN, "best": outcome.best, "reason": outcome.reason}
    (told.folder / f"seen-{rank}.json").write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
