"""The law of `latentfx.methods.base` as a function: run it on an objective of your own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from latentfx.errors import DataError
from latentfx.methods.base import AnyExample, Objective
from latentfx.testing import learning, repeating
from latentfx.testing.report import Check, MethodReport
from latentfx.testing.trial import Trial

_CHECKS: tuple[tuple[str, Callable[[Trial], Check]], ...] = (
    ("loss", learning.check_loss),
    ("one_clip", learning.check_one_clip),
    ("validation", learning.check_validation),
    ("learning", learning.check_learning),
    ("frozen", learning.check_frozen),
    ("codes", learning.check_codes),
    ("same_seed", repeating.check_same_seed),
    ("stages", repeating.check_stages),
    ("resume", repeating.check_resume),
    ("devices", repeating.check_devices),
)


def check_method(
    objective: Objective,
    examples: Sequence[AnyExample],
    *,
    crop_frames: int = 16,
    batch_size: int = 4,
    steps: int = 3,
    seed: int = 0,
) -> MethodReport:
    """Measure a method against the contract of `Objective`, and report without raising.

    Args:
        objective: see `verify_method`, as for all others.
    Raises:
        DataError: no example is as long as a crop.
    """
    trial = Trial(type(objective), objective.config, examples, crop_frames, batch_size, steps, seed)
    with torch.random.fork_rng(devices=[]):
        _check_long_enough(trial)
        checks = tuple(_run(name, check, trial) for name, check in _CHECKS)
    return MethodReport(type(objective).__name__, checks)


def verify_method(
    objective: Objective,
    examples: Sequence[AnyExample],
    *,
    crop_frames: int = 16,
    batch_size: int = 4,
    steps: int = 3,
    seed: int = 0,
) -> MethodReport:
    """Check a method against what every training run relies on.

    Every check trains fresh objectives of the same class and config for some steps of every stage.

    1. `loss`: it is a finite scalar, and so is every part beside it. 2. `one_clip`: this holds for a batch of
    one clip, which the last batch of a validation may be. 3. `validation`: preparing more examples, and
    scoring without training, change nothing. 4. `learning`: every parameter of a player gets a gradient in
    some stage. 5. `frozen`: what belongs to no player, and what a stage adds (a teacher), is frozen, stays in
    evaluation mode and does not change. 6. `codes`: they are finite, keep their names and sizes, and reading
    them changes nothing. 7. `same_seed`: the same seed gives the same losses and weights. 8. `stages`: begun
    again on a fresh objective, they make a model that the weights fit. 9. `resume`: a training that was
    stopped and restored goes on bit for bit as if it had not been. 10. `devices`: nothing stays behind when
    the objective moves; on the device `meta`, up to the first operation that needs values, and on a GPU where
    there is one.

    Args:
        objective: any; its class and its config are what is checked, it is not trained itself.
        examples: to train on, a few short ones.
        crop_frames: frames in a crop.
        batch_size: crops in a batch.
        steps: steps in each stage, twice where a training is resumed.
        seed: of everything that is drawn.
    Raises:
        ContractError: with every failed check, the number measured, the one allowed and the cure.
        DataError: no example is as long as a crop.
    """
    settings = {"crop_frames": crop_frames, "batch_size": batch_size, "steps": steps, "seed": seed}
    return check_method(objective, examples, **settings).require()


def _check_long_enough(trial: Trial) -> None:
    lengths = trial.fresh().prepare(trial.examples).lengths
    if int(lengths.max()) < trial.crop_frames:
        raise DataError(
            f"no example has {trial.crop_frames} frames, the longest has {int(lengths.max())}; "
            "give longer examples, or a lower crop_frames"
        )


def _run(name: str, check: Callable[[Trial], Check], trial: Trial) -> Check:
    """A check; one that raises has failed, whatever the method under test did."""
    try:
        return check(trial)
    except Exception as error:
        return Check(name, math.inf, 0.0, "errors", f"It raised {type(error).__name__}: {error}")
