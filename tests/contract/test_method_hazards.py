"""Each broken method of `small_methods` fails the check of `verify_method` that is about what it breaks."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from small_methods import (
    FRAME,
    CodesAreDrawn,
    CodesAreInfinite,
    CodesChangeName,
    CountsInValidation,
    DetachedEncoder,
    DrawsFromNumpy,
    Good,
    HidesAModule,
    HoldsATensor,
    LearnsScaleFromValidation,
    LossByFrame,
    LossIsNaN,
    MakesTensorsOnTheCpu,
    NeedsTwoClips,
    RemembersTheLastStep,
    Rivals,
    ScaleIsNoBuffer,
    Settings,
    SizedByTheData,
    TeacherDropsOut,
    TeacherFollows,
    TeacherLearns,
    TwoPlayersOfOneParameter,
    UnusedParameter,
)
from torch import Tensor

from latentfx.errors import ContractError, DataError
from latentfx.testing import check_method, verify_method
from latentfx.training.data.example import Example

HAZARDS: dict[type[Good], set[str]] = {
    LossIsNaN: {"loss", "one_clip"},
    LossByFrame: {"loss", "one_clip"},
    NeedsTwoClips: {"one_clip"},
    LearnsScaleFromValidation: {"validation"},
    CountsInValidation: {"validation"},
    UnusedParameter: {"learning"},
    DetachedEncoder: {"learning"},
    TwoPlayersOfOneParameter: {"learning"},
    TeacherLearns: {"frozen"},
    TeacherDropsOut: {"frozen"},
    TeacherFollows: {"frozen"},
    CodesAreDrawn: {"codes"},
    CodesAreInfinite: {"codes"},
    CodesChangeName: {"codes"},
    DrawsFromNumpy: {"same_seed", "resume"},
    SizedByTheData: {"stages", "resume"},
    ScaleIsNoBuffer: {"resume"},
    RemembersTheLastStep: {"resume"},
    HoldsATensor: {"devices"},
    HidesAModule: {"devices"},
    MakesTensorsOnTheCpu: {"devices"},
}
CHECKS = (
    "loss one_clip validation learning frozen codes same_seed stages resume devices".split()  # noqa: SIM905
)


def noise(frames: int = 20) -> list[Example]:
    rng = np.random.default_rng(0)

    def clip(gain: float) -> np.ndarray:
        return (gain * rng.standard_normal(FRAME * frames)).astype(np.float32)

    return [Example.of_audio(clip(0.1 * n), 8000, "noise", f"clip-{n}") for n in range(1, 5)]


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.__name__)
def test_each_broken_method_fails_its_own_checks_alone(hazard: type[Good]) -> None:
    report = check_method(hazard(Settings()), noise())
    assert {check.name for check in report.failures} == HAZARDS[hazard], str(report)


@pytest.mark.parametrize("method", [Good, Rivals])
def test_the_methods_behind_the_hazards_keep_the_contract(method: type[Good]) -> None:
    objective = method(Settings())
    before = copy.deepcopy(objective.state_dict())
    torch.manual_seed(9)
    drawn = torch.rand(3)
    torch.manual_seed(9)
    report = verify_method(objective, noise())
    assert [check.name for check in report.checks] == CHECKS
    assert torch.equal(torch.rand(3), drawn), "the caller's random numbers are left alone"
    assert all(torch.equal(value, before[name]) for name, value in objective.state_dict().items())


def test_every_check_catches_some_broken_method() -> None:
    assert set().union(*HAZARDS.values()) == set(CHECKS)


def test_the_error_names_the_method_its_failures_and_the_cure() -> None:
    with pytest.raises(ContractError) as caught:
        verify_method(UnusedParameter(Settings()), noise())
    text = str(caught.value)
    assert "method 'UnusedParameter' breaks the contract:" in text
    assert (
        "learning: 1 parameters; allowed 0. No stage gives a gradient to forgotten; two players move nothing."
        in text
    )


def test_a_method_that_raises_fails_the_check_that_met_it() -> None:
    class Raises(Good):
        def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
            raise KeyError("pitch")

    report = check_method(Raises(Settings()), noise())
    assert [check.name for check in report.failures] == ["codes"]
    assert "It raised KeyError: 'pitch'" in str(report.failures[0])


def test_examples_that_are_shorter_than_a_crop_are_refused() -> None:
    with pytest.raises(DataError, match="no example has 30 frames, the longest has 20"):
        verify_method(Good(Settings()), noise(), crop_frames=30)
