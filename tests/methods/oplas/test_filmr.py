"""FiLMR: a rotation, in closed form, and its powers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latentfx.errors import ShapeError
from latentfx.methods.oplas.filmr import FiLMR, rotate, rotate_steps, rotation_angle, rotation_matrix


def vectors(size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn(size, generator=generator, dtype=torch.float64)
    return u, u + torch.randn(size, generator=generator, dtype=torch.float64)


def givens(u: Tensor, v: Tensor) -> Tensor:
    """The paper's iterative form (Aguilera-Perez): turn u into the first axis, v into the first plane."""
    size = len(u)
    turned, basis = torch.stack([u, v], 1).clone(), torch.eye(size, dtype=u.dtype)
    if turned[0, 0] < 0:
        flip = torch.ones(size, dtype=u.dtype)
        flip[:2] = -1
        turned, basis = flip[:, None] * turned, torch.diag(flip)
    for column in (0, 1):
        for row in range(size - 1, column, -1):
            angle = torch.atan2(turned[row, column], turned[row - 1, column])
            turn = torch.eye(size, dtype=u.dtype)
            turn[row - 1, row - 1] = turn[row, row] = angle.cos()
            turn[row - 1, row], turn[row, row - 1] = angle.sin(), -angle.sin()
            turned, basis = turn @ turned, turn @ basis
    theta = 2 * torch.atan2(turned[1, 1], turned[0, 1])
    plane = torch.eye(size, dtype=u.dtype)
    plane[0, 0] = plane[1, 1] = theta.cos()
    plane[0, 1], plane[1, 0] = -theta.sin(), theta.sin()
    return basis.T @ plane @ basis


def in_radians(u: Tensor, v: Tensor) -> float:
    return float(torch.arccos((u @ v / u.norm() / v.norm()).clamp(-1, 1)))


@pytest.mark.parametrize("size", [2, 3, 8, 64, 512])
def test_filmr_turns_by_twice_the_angle_of_u_and_v_and_keeps_what_is_orthogonal_to_both(size: int) -> None:
    u, v = vectors(size)
    matrix = rotation_matrix(u, v)
    eye = torch.eye(size, dtype=torch.float64)
    torch.testing.assert_close(matrix @ matrix.T, eye)
    assert float(torch.linalg.det(matrix)) == pytest.approx(1.0)
    turned = 2 * in_radians(u, v)
    assert float(rotation_angle(u, v)) == pytest.approx(min(turned, 2 * math.pi - turned))
    assert float(matrix.trace()) == pytest.approx(size - 2 + 2 * math.cos(2 * in_radians(u, v)))
    torch.testing.assert_close(rotation_matrix(v, u), matrix.T)
    other = torch.randn(5, size, dtype=torch.float64)
    plane = torch.linalg.qr(torch.stack([u, v], 1)).Q
    outside = other - other @ plane @ plane.T
    torch.testing.assert_close(rotate(outside, u, v), outside)


@pytest.mark.parametrize("size", [2, 3, 5, 64])
def test_the_rotation_agrees_with_givens_rotations_and_with_the_matrix_exponential(size: int) -> None:
    u, v = vectors(size, 1)
    matrix = rotation_matrix(u, v)
    torch.testing.assert_close(matrix, givens(u, v))
    first = v / v.norm()
    second = u - (u @ first) * first
    second = second / second.norm()
    generator = torch.outer(first, second) - torch.outer(second, first)
    torch.testing.assert_close(matrix, torch.linalg.matrix_exp(2 * in_radians(u, v) * generator))


@given(steps=st.floats(-24, 24), more=st.floats(-24, 24), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_powers_add_up_and_the_first_is_the_layer(steps: float, more: float, seed: int) -> None:
    u, v = vectors(16, seed)
    x = torch.randn(3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    once = rotate_steps(x, u, v, torch.tensor(1.0, dtype=torch.float64))
    torch.testing.assert_close(once, rotate(x, u, v))
    there = rotate_steps(x, u, v, torch.tensor(steps, dtype=torch.float64))
    further = rotate_steps(there, u, v, torch.tensor(more, dtype=torch.float64))
    direct = rotate_steps(x, u, v, torch.full((3,), steps + more, dtype=torch.float64))
    torch.testing.assert_close(further, direct)


def test_parallel_vectors_turn_nothing_and_gradients_stay_finite() -> None:
    u = torch.randn(8, requires_grad=True)
    for v in (u.detach().clone(), -2 * u.detach(), u.detach() + 1e-4):
        v.requires_grad_()
        x = torch.randn(4, 8)
        out = rotate(x, u, v)
        torch.testing.assert_close(out, x, atol=2e-3, rtol=0)
        torch.testing.assert_close(rotate_steps(x, u, v, torch.tensor(2.5)), x, atol=5e-3, rtol=0)
        out.square().sum().backward()
        for vector in (u, v):
            assert vector.grad is not None
            assert bool(vector.grad.isfinite().all())


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("per_feature", [False, True])
def test_every_parameter_of_filmr_gets_a_gradient(planes: int, per_feature: bool) -> None:
    layer = FiLMR(6, planes=planes, per_feature=per_feature)
    assert {name for name, _ in layer.named_parameters()} == {"gamma", "beta", "u", "v"}
    (layer(torch.randn(5, 6)) - torch.randn(5, 6)).square().mean().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert float(parameter.grad.abs().min()) > 0.0


def test_turning_one_step_is_the_layer_without_scale_and_shift() -> None:
    layer = FiLMR(6)
    with torch.no_grad():
        layer.gamma.fill_(1.0)
        layer.beta.fill_(0.0)
        x = torch.randn(5, 6)
        torch.testing.assert_close(layer.turn(x, torch.ones(5)), layer(x))
        assert float(layer.angles()) == pytest.approx(
            math.degrees(float(rotation_angle(layer.u, layer.v))), rel=1e-4
        )


def test_sizes_that_cannot_turn_are_refused() -> None:
    with pytest.raises(ShapeError, match="1 dimensions in 1 planes; allowed 2 or more"):
        FiLMR(1)
