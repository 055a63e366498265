"""The players of a run, each with an optimiser of its own, and one step of them all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from latentfx.errors import TrainingError
from latentfx.methods.base import Objective, Player
from latentfx.training.recipes.config import TrainSettings
from latentfx.training.runs.together import Together
from latentfx.training.runs.validation import numbers

Numbers = Mapping[str, float]


class Players:
    """Who moves in a step, in order.

    Args:
        objective: on its device; asked for its players once.
        settings: learning rate, weight decay and gradient clip, the same for every player unless it says
            otherwise.
        together: the processes of the run, whose Fabric runs the backward passes.
    Raises:
        TrainingError: no player, a name or a parameter that two of them share, or a name with a dot.
    """

    def __init__(self, objective: Objective, settings: TrainSettings, together: Together) -> None:
        self.all = objective.players()
        _check_players(self.all)
        self._objective, self._together, self._fabric = objective, together, together.fabric
        self._largest_norm = settings.gradient_clip or math.inf
        self.optimizers: dict[str, Optimizer] = {
            player.name: AdamW(
                player.parameters,
                lr=settings.lr if player.lr is None else player.lr,
                betas=player.betas,
                weight_decay=settings.weight_decay,
                fused=True,  # one pass over the weights: ten times as fast on a processor
            )
            for player in self.all
        }
        """By player; the first one's state is stored under the name that runs of one player have."""
        self._steps = {
            name: cast(Optimizer, self._fabric.setup_optimizers(each))
            for name, each in self.optimizers.items()
        }

    def check_stage(self, stage: str) -> None:
        """Refuse a stage that trains what no player moves.

        Raises:
            TrainingError: it names the parameters.
        """
        known = {id(parameter) for player in self.all for parameter in player.parameters}
        new = [n for n, p in self._objective.named_parameters() if p.requires_grad and id(p) not in known]
        if new:
            raise TrainingError(
                f"stage {stage!r} of {type(self._objective).__name__} trains {new}, which no player moves; "
                "make every trained parameter in __init__, name it in a player, and freeze copies"
            )

    def check_weights(self, check: Callable[[Numbers], None]) -> None:
        """Look for weights that are not finite: a step may break them without a trace in its own loss.

        Args:
            check: raises where the largest weight is not a finite number.
        """
        largest = [p.detach().abs().max() for player in self.all for p in player.parameters if p.numel()]
        check({"largest weight": float(torch.stack([value.float() for value in largest]).max())})

    def step(
        self,
        batch: Mapping[str, Tensor],
        rate: Callable[[Player], float],
        check: Callable[[Numbers], None],
    ) -> dict[str, float]:
        """Let every player move once on a batch.

        Args:
            batch: on the device.
            rate: learning rate of a player in this step.
            check: raises where a loss or the norm of a gradient is not a finite number.
        Returns:
            the parts of every loss, their means over the processes; those of all players but the first as
            `NAME/PART`.
        """
        seen: dict[str, float] = {}
        for index, player in enumerate(self.all):
            prefix = f"{player.name}/" if index else ""
            with _moving_alone(player, self.all):
                with self._fabric.autocast():
                    parts = player.loss(batch)
                found = self._together.mean(numbers(parts))
                values = {f"{prefix}{name}": value for name, value in found.items()}
                check(values)
                optimizer = self._steps[player.name]
                optimizer.zero_grad(set_to_none=True)
                self._fabric.backward(parts["loss"])
                self._together.average_gradients(player.parameters)
            norm = self._fabric.clip_gradients(
                self._objective, optimizer, max_norm=self._largest_norm, error_if_nonfinite=False
            )
            check({f"{prefix}gradient": float(torch.as_tensor(norm))})
            for group in self.optimizers[player.name].param_groups:
                group["lr"] = rate(player)
            optimizer.step()
            seen.update(values)
        return seen


def _check_players(players: Sequence[Player]) -> None:
    names = [player.name for player in players]
    owned = [id(parameter) for player in players for parameter in player.parameters]
    if not names or len(set(names)) < len(names) or len(set(owned)) < len(owned):
        raise TrainingError(
            f"the players {names} move {len(owned)} parameters, {len(set(owned))} of them different; "
            "wanted one player or more, each with a name and with parameters of its own"
        )
    wrong = [name for name in names if not name.isidentifier()]
    if wrong:
        raise TrainingError(f"players are called {wrong}; use letters, digits and underscores")


@contextmanager
def _moving_alone(player: Player, players: Sequence[Player]) -> Iterator[None]:
    """Freeze the parameters of the other players: they get no gradient, and cost no memory for one."""
    frozen: list[nn.Parameter] = [
        p for other in players if other is not player for p in other.parameters if p.requires_grad
    ]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
