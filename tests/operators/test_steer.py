"""What the controls of `Steer` do to a code, dimension by dimension."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from identity_effect import identity_effect

from latentfx.errors import ControlError
from latentfx.export import export_onnx
from latentfx.library import load
from latentfx.operators.steer import Steer
from latentfx.testing import verify_contract, verify_parity

FRAMES = 12
MEAN, DEVIATION = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([2.0, 0.5, 1.0])
PROVENANCE = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}


def operator(**settings: object) -> Steer:
    made = Steer("z", 3, **settings)  # type: ignore[arg-type]
    made.measured(MEAN, DEVIATION)
    return made


def code() -> Tensor:
    return torch.randn(1, 3, FRAMES, generator=torch.Generator().manual_seed(0))


def steer(made: Steer, z: Tensor, splits: tuple[int, ...] = (FRAMES,), **controls: float | Tensor) -> Tensor:
    unknown = controls.keys() - {control.name for control in made.controls}
    assert not unknown
    rows = [torch.as_tensor(controls.get(c.name, c.default)).expand(FRAMES) for c in made.controls]
    knobs, state, out, start = torch.stack(rows)[None], made.initial_state(1), [], 0
    other = torch.zeros(1, 1, FRAMES)
    for size in splits:
        now = slice(start, start + size)
        factors, state = made({"z": z[..., now], "level": other[..., now]}, knobs[..., now], state)
        assert torch.equal(factors["level"], other[..., now])
        out.append(factors["z"])
        start += size
    return torch.cat(out, -1)


def test_at_rest_the_code_stays() -> None:
    torch.testing.assert_close(steer(operator(), code()), code())


def test_an_offset_of_one_moves_its_dimension_by_one_deviation_of_the_data_and_no_other() -> None:
    moved = steer(operator(), code(), z1_sd=2.0) - code()
    torch.testing.assert_close(moved, torch.tensor([0.0, 1.0, 0.0])[None, :, None].expand_as(moved))


def test_a_scale_stretches_a_dimension_about_the_mean_of_the_data() -> None:
    doubled, still = steer(operator(), code(), z0_scale=2.0), steer(operator(), code(), z0_scale=0.0)
    torch.testing.assert_close(doubled[:, 0] - 1.0, 2.0 * (code()[:, 0] - 1.0))
    torch.testing.assert_close(still[:, 0], torch.ones(1, FRAMES))
    torch.testing.assert_close(doubled[:, 1:], code()[:, 1:])


def test_freeze_holds_the_code_of_its_moment_and_offsets_still_move_it() -> None:
    freeze = (torch.arange(FRAMES) >= 5).float()
    held = steer(operator(), code(), freeze=freeze, z2_sd=1.0)
    expected = code()
    expected[..., 5:] = expected[..., 4:5]
    expected[:, 2] += 1.0
    torch.testing.assert_close(held, expected)


def test_freeze_fades_and_lets_go_without_a_jump_back_in_time() -> None:
    freeze = torch.tensor([0.0, 0.4, 0.75, 1.0, 1.0, 0.75, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0])
    z = torch.arange(float(FRAMES)).expand(1, 3, FRAMES)
    held = steer(operator(), z, freeze=freeze)[0, 0]
    assert held.tolist() == pytest.approx([0, 1, 1.5, 1, 1, 3, 6, 7, 8, 8, 8, 8], abs=1e-5)


def test_frozen_from_the_start_it_holds_the_mean_of_the_data() -> None:
    torch.testing.assert_close(
        steer(operator(), code(), freeze=1.0), MEAN[None, :, None].expand(1, 3, FRAMES)
    )


@pytest.mark.parametrize("splits", [(1,) * FRAMES, (5, 7), (3, 1, 8)])
def test_any_split_gives_the_same_code(splits: tuple[int, ...]) -> None:
    freeze = (torch.arange(FRAMES) % 6 >= 3).float()
    settings = {"freeze": freeze, "z0_sd": torch.linspace(-2.0, 2.0, FRAMES), "z1_scale": 0.3}
    whole = steer(operator(), code(), **settings)
    torch.testing.assert_close(steer(operator(), code(), splits, **settings), whole)


def test_knobs_bear_the_names_of_what_their_dimensions_do_and_chosen_ones_alone_are_there() -> None:
    made = operator(names=["brightness", "", "level"], dimensions=[2, 0])
    assert [control.name for control in made.controls] == [
        "z2_level_sd",
        "z0_brightness_sd",
        "z2_level_scale",
        "z0_brightness_scale",
        "freeze",
    ]
    moved = steer(made, code(), z2_level_sd=1.0) - code()
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.0, 1.0])[None, :, None].expand_as(moved))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimensions": [3]}, "allowed are different numbers from 0 to 2"),
        ({"dimensions": [1, 1]}, "different numbers"),
        ({"names": list("abcd")}, "4 names for the 3 dimensions"),
    ],
)
def test_what_does_not_fit_the_factor_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        operator(**settings)
    with pytest.raises(ControlError, match="too many for knobs; choose up to 32"):
        Steer("z", 33)


def test_an_effect_that_steers_keeps_the_contract_in_torch_torchscript_and_its_file(tmp_path: Path) -> None:
    effect = identity_effect(operator=Steer("level", 129, ["low"], [0, 40, 128])).eval()
    verify_contract(effect, nonlinear=True)
    verify_parity(effect)
    export_onnx(effect, tmp_path / "steered.onnx", PROVENANCE)
    names = [control.name for control in load(tmp_path / "steered.onnx").spec.controls]
    assert names[:4] == ["level0_low_sd", "level40_sd", "level128_sd", "level0_low_scale"]
