"""Learning rates and the running average follow their formulas."""

from __future__ import annotations

import pytest
import torch
from toy import Toy, ToyConfig

from latentfx.training.recipes.config import StageLength, TrainSettings
from latentfx.training.runs.ema import running_average
from latentfx.training.runs.schedule import learning_rate

STAGE = StageLength(steps=100)


def rates(settings: TrainSettings, stage: StageLength = STAGE) -> list[float]:
    return [learning_rate(settings, stage, step, 100, step) for step in range(100)]


def test_a_constant_rate_is_constant_and_a_stage_may_have_its_own() -> None:
    assert set(rates(TrainSettings({}, lr=0.5))) == {0.5}
    assert set(rates(TrainSettings({}, lr=0.5), StageLength(steps=100, lr=0.1))) == {0.1}


def test_cosine_falls_from_the_rate_to_a_hundredth() -> None:
    values = rates(TrainSettings({}, lr=1.0, schedule="cosine"))
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert values[50] == pytest.approx(0.505)
    assert values[-1] == pytest.approx(0.01, abs=0.001)


def test_warm_up_rises_in_a_straight_line() -> None:
    values = rates(TrainSettings({}, lr=1.0, warmup_steps=10))
    assert values[:11] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0])


def test_the_average_of_a_jump_closes_in_on_it() -> None:
    toy = Toy(ToyConfig())
    with torch.no_grad():
        toy.decoder.bias.zero_()
    average = running_average(toy, decay=0.5)
    with torch.no_grad():
        toy.decoder.bias.fill_(1.0)
        toy.scale.fill_(3.0)
    frozen = toy.encoder.requires_grad_(False)[0].weight.clone()
    left = 1.0
    for step in range(1, 20):
        average.update_parameters(toy)
        left *= min(0.5, (1 + step) / (10 + step))
        assert average.module.decoder.bias.mean().item() == pytest.approx(1.0 - left, abs=1e-6)
    assert average.module.scale == 3.0
    assert torch.equal(average.module.encoder[0].weight, frozen)
