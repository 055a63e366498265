"""What a card says of latent spaces, on codes whose state is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from latentfx.methods.base import Objective
from latentfx.training.runs.fabric import make_fabric
from latentfx.training.runs.health import code_statistics, effective_rank, latent_health, space_health

POINTS = 4000
CPU = make_fabric("cpu")


def normal(dimensions: int, seed: int = 0) -> Tensor:
    return torch.randn(POINTS, dimensions, generator=torch.Generator().manual_seed(seed))


def test_white_codes_fill_every_dimension() -> None:
    found = space_health(normal(8))
    assert found["effective_rank"] == pytest.approx(8.0, abs=0.1)
    assert (found["dimensions"], found["dead"], found["saturated"]) == (8, 0, 0)
    assert found["variance"] == pytest.approx(0.0, abs=0.02)
    assert found["covariance"] == pytest.approx(0.0, abs=0.01)


def test_two_directions_in_eight_dimensions_have_the_rank_two() -> None:
    mixed = normal(2) @ torch.linalg.qr(normal(8)[:8])[0][:2]
    assert effective_rank(mixed) == pytest.approx(2.0, abs=0.1)
    assert space_health(mixed)["covariance"] > 0.05


def test_unequal_directions_count_in_part() -> None:
    codes = normal(2) * torch.tensor([3.0, 1.0])
    share = torch.tensor([0.75, 0.25])
    assert effective_rank(codes) == pytest.approx(math.exp(-(share * share.log()).sum()), abs=0.05)


def test_dead_and_saturated_dimensions_are_counted_apart() -> None:
    codes = normal(5)
    codes[:, 1] *= 0.05
    codes[:, 2] = torch.tanh(20.0 * codes[:, 2])
    found = space_health(codes)
    assert (found["dead"], found["saturated"]) == (1, 1)


class Spaces:
    """A model whose codes are given."""

    def __init__(self, codes: Mapping[str, Tensor]) -> None:
        self.given = codes

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: values[batch["clip"]] for name, values in self.given.items()}


def crops(clips: int) -> Iterator[Mapping[str, Tensor]]:
    for part in torch.arange(clips).split(16):
        yield {"clip": part}


def test_the_instrument_is_read_where_it_is_and_not_where_it_is_not() -> None:
    names = ["violin", "violin", "trumpet", "trumpet"] * 20
    sign = torch.tensor([1.0 if name == "violin" else -1.0 for name in names])
    told, untold = normal(4)[:80], normal(320, 1)[:80].reshape(80, 10, 32)
    told[:, 0] += 4 * sign
    model = cast(Any, Spaces({"v": told, "z": untold}))
    found = latent_health(cast(Objective, model), crops(80), names, CPU)
    assert found["v"]["instrument"] > 0.95
    assert 0.35 < found["z"]["instrument"] < 0.65


def test_mean_and_deviation_of_each_dimension_are_those_of_all_points_of_all_crops() -> None:
    width, centre = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 5.0, 1.0])
    z = normal(60).reshape(80, 50, 60)[..., :3] * width + centre
    found = code_statistics(cast(Any, Spaces({"z": z})), crops(80), CPU)["z"]
    assert found["mean"] == pytest.approx(z.flatten(0, 1).mean(0).tolist(), abs=1e-5)
    assert found["deviation"] == pytest.approx(z.flatten(0, 1).std(0).tolist(), abs=1e-4)


def test_points_that_belong_to_no_clip_or_to_one_instrument_have_no_score() -> None:
    one = latent_health(cast(Any, Spaces({"v": normal(4)[:40]})), crops(40), ["oboe"] * 40, CPU)
    assert "instrument" not in one["v"]

    class Loose(Spaces):
        def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {"ring": torch.randn(len(batch["clip"]) * 3, 4)}

    names = ["violin", "trumpet"] * 20
    loose = latent_health(cast(Any, Loose({})), crops(40), names, CPU)
    assert "instrument" not in loose["ring"]
    assert loose["ring"]["dimensions"] == 4
