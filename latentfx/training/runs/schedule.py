"""The learning rate as a function of where a step is."""

from __future__ import annotations

import math

from latentfx.training.recipes.config import StageLength, TrainSettings


def learning_rate(
    settings: TrainSettings,
    length: StageLength,
    stage_step: int,
    total: int,
    step: int,
    own: float | None = None,
) -> float:
    """The learning rate of one step. It depends on the step alone, so there is nothing to save.

    Args:
        settings: rate, schedule and warm-up.
        length: the stage's entry in the recipe, which may have a rate of its own.
        stage_step: steps done in the stage.
        total: steps that the stage has.
        step: steps done in all.
        own: rate of a player that has one; it goes before those of the stage and the run.
    """
    rate = own if own is not None else settings.lr if length.lr is None else length.lr
    if settings.schedule == "cosine":
        rate *= 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * stage_step / total))
    if step < settings.warmup_steps:
        rate *= (step + 1) / settings.warmup_steps
    return rate
