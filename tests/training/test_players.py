"""Several players alternate, each with its own optimiser, and their runs resume bit for bit."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from test_loop import curve_rows, same, weights
from torch import Tensor, nn
from toy import FRAME, SignalAt, Toy, ToyConfig, toy_clips, toy_recipe, train_toy

from latentfx.errors import TrainingError
from latentfx.methods.base import Objective, Player
from latentfx.training.recipes.config import Recipe, TrainSettings
from latentfx.training.runs.checkpoint import read_tensors
from latentfx.training.runs.fabric import make_fabric
from latentfx.training.runs.players import Players
from latentfx.training.runs.reporting import Reporter
from latentfx.training.runs.run import RunOutcome
from latentfx.training.runs.start import train
from latentfx.training.runs.together import Together


class Duel(Toy):
    """The toy against a critic, which tells frames that were decoded from frames that were recorded."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.critic = nn.Linear(FRAME, 1)

    def players(self) -> tuple[Player, ...]:
        own = (*self.encoder.parameters(), *self.decoder.parameters())
        critic = Player("critic", tuple(self.critic.parameters()), self.critic_loss, 0.003, (0.5, 0.9))
        return Player("model", own, self.loss), critic

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = super().loss(batch)
        fooled = nn.functional.softplus(-self.critic(self.decoder(self.encoder(batch["frame"])))).mean()
        return {**parts, "loss": parts["loss"] + 0.01 * fooled, "fooled": fooled}

    def critic_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        made = self.critic(self.decoder(self.encoder(batch["frame"])))
        loss = (
            nn.functional.softplus(made).mean() + nn.functional.softplus(-self.critic(batch["frame"])).mean()
        )
        return {"loss": loss}


def duel(folder: Path, recipe: Recipe, reporter: Reporter | None = None) -> RunOutcome:
    silent = reporter or Reporter(Console(quiet=True))
    return train(recipe, folder, clips=toy_clips(), method=Duel, device="cpu", threads=1, reporter=silent)


def one_step(objective: Objective, settings: TrainSettings | None = None) -> dict[str, float]:
    torch.manual_seed(0)
    players = Players(objective, settings or TrainSettings({}), Together(make_fabric("cpu")))
    batch = {"frame": torch.randn(4, 8, FRAME)}
    return players.step(batch, lambda player: player.lr or 0.01, lambda values: None)


def test_a_run_of_two_players_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    recipe = toy_recipe(ema=0.9, schedule="cosine")
    duel(tmp_path / "straight", recipe)
    for steps in (7, 50):
        assert duel(tmp_path / "stopped", recipe, SignalAt(steps, signal.SIGINT)).reason == "interrupted"
    assert duel(tmp_path / "stopped", recipe).reason == "finished"
    assert same(weights(tmp_path / "stopped"), weights(tmp_path / "straight"))
    assert curve_rows(tmp_path / "stopped") == curve_rows(tmp_path / "straight")


def test_the_state_keeps_one_optimiser_a_player_and_the_curves_name_the_second(tmp_path: Path) -> None:
    duel(tmp_path, toy_recipe())
    tensors, _ = read_tensors(tmp_path / "state.safetensors")
    assert {name for name in tensors if name.startswith("optimizer") and name.endswith(".step")} == {
        *(f"optimizer.{index}.step" for index in range(4)),
        *(f"optimizer.critic.{index}.step" for index in range(2)),
    }
    assert tensors["optimizer.0.exp_avg"].shape == (3, FRAME)
    assert tensors["optimizer.critic.0.exp_avg"].shape == (1, FRAME)
    parts = {(row["split"], row["part"]) for row in curve_rows(tmp_path)}
    assert ("train", "critic/loss") in parts
    assert ("validation", "critic/loss") not in parts


def test_each_player_moves_its_own_parameters_at_its_own_rate() -> None:
    objective = Duel(ToyConfig(dropout=0.0))
    before = {name: value.detach().clone() for name, value in objective.named_parameters()}
    seen = one_step(objective)
    moved = {name: (value - before[name]).abs().max().item() for name, value in objective.named_parameters()}
    # The first step of Adam is the learning rate long.
    assert moved["decoder.bias"] == pytest.approx(0.01, rel=1e-3)
    assert moved["critic.weight"] == pytest.approx(0.003, rel=1e-3)
    assert {"loss", "critic/loss"} <= seen.keys()


def test_a_player_gives_no_gradient_to_the_others_and_leaves_what_is_frozen_frozen() -> None:
    objective = Duel(ToyConfig(dropout=0.0))
    objective.encoder.requires_grad_(False)
    players = objective.players()
    reached: list[set[str]] = []

    def watched(player: Player) -> Player:
        def loss(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
            for parameter in objective.parameters():
                parameter.grad = None
            parts = player.loss(batch)
            parts["loss"].backward(retain_graph=True)
            reached.append({name for name, p in objective.named_parameters() if p.grad is not None})
            return parts

        return replace(player, loss=loss)

    objective.players = lambda: tuple(watched(player) for player in players)
    one_step(objective)
    assert reached == [{"decoder.weight", "decoder.bias"}, {"critic.weight", "critic.bias"}]
    frozen = [name for name, p in objective.named_parameters() if not p.requires_grad]
    assert frozen == ["encoder.0.weight", "encoder.0.bias"]


def test_the_second_player_sees_what_the_first_has_done() -> None:
    objective = Duel(ToyConfig(dropout=0.0))
    model, critic = objective.players()
    seen: list[Tensor] = []

    def loss(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        seen.append(objective.decoder.bias.detach().clone())
        return critic.loss(batch)

    objective.players = lambda: (model, replace(critic, loss=loss))
    before = objective.decoder.bias.detach().clone()
    one_step(objective)
    assert not torch.equal(seen[0], before)
    assert torch.equal(seen[0], objective.decoder.bias)


def test_gradients_are_clipped_a_player_at_a_time() -> None:
    objective = Duel(ToyConfig(dropout=0.0))
    one_step(objective, TrainSettings({}, gradient_clip=1e-3))
    for player in objective.players():
        norm = torch.stack([p.grad.norm() for p in player.parameters]).norm()
        assert norm.item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "one player or more"),
        (("a", "a"), "with a name"),
        (("a", "b"), "of its own"),
        (("a.b",), "letters"),
    ],
)
def test_players_that_cannot_be_told_apart_are_refused(names: tuple[str, ...], message: str) -> None:
    objective = Duel(ToyConfig())
    shared = tuple(objective.parameters())
    objective.players = lambda: tuple(Player(name, shared, objective.loss) for name in names)
    with pytest.raises(TrainingError, match=message):
        one_step(objective)


def test_a_parameter_without_a_player_is_named(tmp_path: Path) -> None:
    class Forgetful(Duel):
        def players(self) -> tuple[Player, ...]:
            return super().players()[:1]

    with pytest.raises(TrainingError, match=r"trains \['critic\.weight', 'critic\.bias'\], which no player"):
        train(toy_recipe(), tmp_path, clips=toy_clips(), method=Forgetful, device="cpu")


def test_a_run_of_one_player_is_stored_as_it_always_was(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_recipe(), SignalAt(3, signal.SIGINT))
    tensors, _ = read_tensors(tmp_path / "state.safetensors")
    assert {name for name in tensors if name.startswith("optimizer") and name.endswith(".step")} == {
        f"optimizer.{index}.step" for index in range(4)
    }


def test_the_fused_step_is_adamw_to_rounding() -> None:
    torch.manual_seed(0)
    batches = [{"frame": torch.randn(4, FRAME)} for _ in range(50)]
    found = []
    for fused in (True, False):
        torch.manual_seed(1)
        objective = Toy(ToyConfig())
        players = Players(objective, TrainSettings({}), Together(make_fabric("cpu")))
        for group in players.optimizers["model"].param_groups:
            group["fused"] = fused
        for batch in batches:
            players.step(batch, lambda player: 1e-2, lambda values: None)
        found.append(torch.cat([p.detach().flatten() for p in objective.parameters()]))
    assert (found[0] - found[1]).abs().max() < 1e-5
