"""Rings: their measure on points known by hand, many seeds at once, and small trainings of each problem."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from latentfx.errors import RecipeError, ShapeError, TrainingError
from latentfx.methods.common.triplet import magnitude, triplet_loss
from latentfx.methods.oplas.filmr import rotate
from latentfx.methods.oplas.ring.metrics import measure_ring
from latentfx.methods.oplas.toys.many_seeds import adam_one_cycle, adamw_cosine, build_each, train_together
from latentfx.methods.oplas.toys.stargate import StargateConfig, train_stargates

pytestmark = pytest.mark.usefixtures("one_thread")


def ring(count: int = 12, winding: int = 1, radii: Tensor | float = 3.0, size: int = 5) -> Tensor:
    """Points on a circle about a centre somewhere, in some plane."""
    angles = winding * 2.0 * math.pi * torch.arange(count, dtype=torch.float64) / count
    flat = torch.stack([angles.cos(), angles.sin()], 1) * torch.as_tensor(radii).reshape(-1, 1)
    generator = torch.Generator().manual_seed(1)
    plane = torch.linalg.qr(torch.randn(size, 2, generator=generator, dtype=torch.float64)).Q
    return flat @ plane.T + torch.linspace(1.0, 2.0, size, dtype=torch.float64)


def test_a_perfect_ring_measures_as_one() -> None:
    z = ring()
    found = measure_ring(z, z.roll(-1, 0))
    assert (found.singular_ratio, found.explained) == pytest.approx((1.0, 1.0))
    assert abs(found.winding) == 1
    assert (found.step_std_deg, found.radius_cv, found.relative_error) == pytest.approx((0, 0, 0), abs=1e-5)
    assert found.succeeded
    assert found.simple
    assert found.distinct


@pytest.mark.parametrize("off_deg", [1.0, 10.0, 20.0])
def test_an_operator_that_turns_too_far_misses_by_the_chord(off_deg: float) -> None:
    z = ring(size=2)
    around = z - z.mean(0)
    way = float(torch.linalg.det(around[:2]).sign())  # of the ring's points, from one to the next
    cosine, sine = math.cos(math.radians(30.0 + off_deg)), way * math.sin(math.radians(30.0 + off_deg))
    turn = torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
    found = measure_ring(z, around @ turn + z.mean(0))
    assert found.relative_error == pytest.approx(2.0 * math.sin(math.radians(off_deg) / 2.0))
    assert found.succeeded == (off_deg < 14.3)


@pytest.mark.parametrize(("winding", "distinct"), [(1, True), (-1, True), (5, True), (2, False), (3, False)])
def test_points_coincide_where_winding_and_count_share_a_factor(winding: int, distinct: bool) -> None:
    z = ring(winding=winding)
    found = measure_ring(z, z.roll(-1, 0))
    assert abs(found.winding) == abs(winding)
    assert found.distinct is distinct
    assert found.succeeded
    assert found.simple is (abs(winding) == 1)
    assert float(torch.pdist(z).min() > 1e-6) == distinct


def test_ellipses_uneven_radii_and_uneven_steps_are_told_apart() -> None:
    flat = ring(size=2) @ torch.diag(torch.tensor([1.0, 0.5], dtype=torch.float64))
    found = measure_ring(flat, flat.roll(-1, 0))
    assert found.singular_ratio == pytest.approx(0.5)
    assert not found.succeeded
    wavy = ring(radii=torch.tensor([2.0, 4.0] * 6))
    assert measure_ring(wavy, wavy.roll(-1, 0)).radius_cv == pytest.approx(1.0 / 3.0)
    angles = torch.cumsum(torch.tensor([20.0, 40.0] * 6), 0).deg2rad()
    uneven = torch.stack([angles.cos(), angles.sin()], 1)
    assert measure_ring(uneven, uneven.roll(-1, 0)).step_std_deg == pytest.approx(10.0, abs=1e-4)


def test_a_line_is_no_ring_though_each_point_comes_near_the_next() -> None:
    z = torch.stack([torch.linspace(-1, 1, 16), 1e-3 * torch.randn(16)], 1)
    assert not measure_ring(z, z).succeeded
    with pytest.raises(ShapeError, match=r"points \[2, 2\].*N 3 or more"):
        measure_ring(z[:2], z[:2])


def test_the_triplet_is_that_of_torch_and_bounds_are_means() -> None:
    a, p, n = torch.randn(3, 20, 6, dtype=torch.float64)
    theirs = functional.triplet_margin_loss(a, p, n, margin=0.7)
    torch.testing.assert_close(triplet_loss(a, p, n, 0.7), theirs)
    torch.testing.assert_close(magnitude(a, p, n), torch.stack([a, p, n]).square().mean())


class Line(nn.Module):
    """Fits a line to points that it is given; `fails` makes the loss of one seed infinite."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.layer(x) * self.frozen
        return (y - x.sum(-1, keepdim=True)).square().mean(), y


def points(seeds: list[int], step: int) -> tuple[Tensor, ...]:
    return (torch.stack([torch.randn(8, 3, generator=torch.Generator().manual_seed(s)) for s in seeds]),)


@pytest.mark.parametrize("cycle", [False, True])
def test_seeds_trained_together_are_those_trained_one_by_one_with_plain_torch(cycle: bool) -> None:
    seeds, steps = [3, 5, 8], 40
    optimise = adam_one_cycle(0.1) if cycle else adamw_cosine(0.1)
    models = build_each(Line, seeds)
    trained = train_together(models, seeds, optimise, steps, batches=partial(points, seeds))
    for seed, model in zip(seeds, models, strict=True):
        torch.manual_seed(seed)
        alone = Line()
        weights = alone.layer.parameters()
        if cycle:
            plain: torch.optim.Optimizer = torch.optim.Adam(weights, lr=0.1)
            rate: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.OneCycleLR(
                plain, 0.1, steps
            )
        else:
            plain = torch.optim.AdamW(weights, lr=0.1)
            rate = torch.optim.lr_scheduler.CosineAnnealingLR(plain, steps)
        for _ in range(steps):
            plain.zero_grad()
            alone(points([seed], 0)[0][0])[0].backward()
            plain.step()
            rate.step()
        torch.testing.assert_close(model.state_dict(), alone.state_dict(), rtol=1e-4, atol=1e-5)
    assert trained.losses.shape == (steps, 3)
    assert bool((trained.losses[-1] < trained.losses[0]).all())
    assert min(trained.frames) == 0
    assert max(trained.frames) == steps
    assert trained.course(3) == [0, *sorted(trained.frames)[-2:]]
    assert trained.course(99) == sorted(trained.frames)


def test_building_leaves_the_generator_alone_and_refuses_the_same_seed_twice() -> None:
    before = torch.get_rng_state()
    first, again = build_each(Line, [4]), build_each(Line, [4])
    assert torch.equal(first[0].layer.weight, again[0].layer.weight)
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(RecipeError, match=r"seeds are \[1, 1\]; allowed one or more, all different"):
        build_each(Line, [1, 1])


def test_a_training_that_is_stopped_leaves_models_of_the_steps_done() -> None:
    seeds = [0, 1]
    short, stopped = build_each(Line, seeds), build_each(Line, seeds)
    give = partial(points, seeds)

    def constant(
        weights: list[Tensor], steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        sgd = torch.optim.SGD(weights, lr=0.1)
        return sgd, torch.optim.lr_scheduler.ConstantLR(sgd, 1.0)

    train_together(short, seeds, constant, 5, batches=give)
    trained = train_together(stopped, seeds, constant, 50, batches=give, watch=lambda done, loss: done < 5)
    assert trained.steps == 5
    assert max(trained.frames) == 5
    for one, other in zip(short, stopped, strict=True):
        torch.testing.assert_close(one.state_dict(), other.state_dict())


def test_a_loss_that_is_no_number_names_its_seed() -> None:
    def give(step: int) -> tuple[Tensor, ...]:
        (x,) = points([0, 7], step)
        x[1] *= math.inf if step == 2 else 1.0
        return (x,)

    with pytest.raises(TrainingError, match=r"seeds \[7\] is not a number after 2 steps"):
        train_together(build_each(Line, [0, 7]), [0, 7], adamw_cosine(0.1), 9, batches=give)
    with pytest.raises(RecipeError, match="steps is 1; allowed 2 or more"):
        train_together(build_each(Line, [0]), [0], adamw_cosine(0.1), 1)


def test_a_rotation_makes_rings_of_lines_and_everything_in_it_is_trained() -> None:
    config = StargateConfig(steps=250)
    models, study = train_stargates(config, range(3))
    assert study.success_rate >= 2 / 3
    assert study.start_deg == pytest.approx([22.5] * 3)
    model = models[0]
    untrained = build_each(lambda: type(model)(config), [0])[0]
    assert {"operator.gamma", "operator.beta", "operator.angle"} <= set(model.state_dict())
    for (name, now), before in zip(model.named_parameters(), untrained.parameters(), strict=True):
        assert not torch.equal(now, before), name
    z, advanced = model.points()
    half = model.operator.angle.detach() / 2.0
    u, v = torch.tensor([1.0, 0.0]), torch.stack([half.cos(), -half.sin()])
    scaled = model.operator.gamma * z + model.operator.beta
    torch.testing.assert_close(advanced, rotate(scaled, u, v))


def test_the_matrix_is_trained_applied_once_and_drawn_to_an_orthogonal_one() -> None:
    (bound,), study = train_stargates(StargateConfig("matrix", points=8, steps=150), [2])
    (free,), _ = train_stargates(StargateConfig("matrix", points=8, steps=150, orthogonality=0.0), [2])
    z, advanced = bound.points()
    torch.testing.assert_close(advanced, z @ bound.operator.matrix)
    (drawn,) = build_each(lambda: type(bound)(bound.config), [2])
    with torch.no_grad():
        before, after, without = (model.operator.distance() for model in (drawn, bound, free))
    assert float(after) < 0.8 * min(float(before), float(without))
    assert math.isnan(study.final_deg[0])
    with pytest.raises(RecipeError, match="'skew'; allowed 3 or more, and 'rotation' or 'matrix'"):
        train_stargates(StargateConfig("skew"), [0])  # type: ignore[arg-type]
