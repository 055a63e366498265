"""The VICReg terms, against the package of the paper's author and against cases known by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from vicregaddon import vicreg_cov_loss, vicreg_inv_loss, vicreg_var_loss

from latentfx.methods.common.vicreg import covariance_loss, invariance_loss, variance_loss


def points(size: int, seed: int, spread: float = 0.7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(40, size, generator=generator, dtype=torch.float64)
    mixing = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return spread * drawn @ mixing / math.sqrt(size) + 3.0


@pytest.mark.parametrize("size", [2, 7, 64])
@pytest.mark.parametrize("spread", [0.1, 0.7, 3.0])
def test_terms_and_gradients_are_those_of_vicregaddon(size: int, spread: float) -> None:
    first, second = points(size, 0, spread), points(size, 1, spread)
    pairs = (
        (variance_loss, vicreg_var_loss, (first,)),
        (covariance_loss, vicreg_cov_loss, (first,)),
        (invariance_loss, vicreg_inv_loss, (first, second)),
    )
    for ours, theirs, given in pairs:
        values, slopes = [], []
        for term in (ours, theirs):
            leaves = [x.clone().requires_grad_() for x in given]
            value = term(*leaves)
            value.backward()
            values.append(value.detach())
            slopes.append([leaf.grad for leaf in leaves])
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*slopes)


def test_many_batches_at_once_are_each_scored_alone() -> None:
    first = torch.stack([points(5, seed) for seed in range(6)]).unflatten(0, (2, 3))
    second = first.flip(0)
    for term, given in (
        (variance_loss, (first,)),
        (covariance_loss, (first,)),
        (invariance_loss, (first, second)),
    ):
        together = term(*given)
        assert together.shape == (2, 3)
        torch.testing.assert_close(together[1, 2], term(*(x[1, 2] for x in given)))


def test_a_dead_dimension_and_two_that_say_the_same_are_counted() -> None:
    line = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)  # a variance of 1
    dead = torch.stack([line, torch.zeros(3, dtype=torch.float64)], 1)
    assert float(variance_loss(dead, epsilon=0.0)) == pytest.approx(0.5)
    assert float(covariance_loss(dead)) == 0.0
    twice = torch.stack([line, 2.0 * line], 1)
    assert float(covariance_loss(twice)) == pytest.approx(4.0)  # (2 * 2 + 2 * 2) / 2
    assert float(variance_loss(twice)) == 0.0
    assert float(invariance_loss(twice, twice + 0.5)) == pytest.approx(0.25)


def test_a_single_point_has_no_variance_and_no_covariance() -> None:
    z = torch.randn(1, 4)
    torch.testing.assert_close(variance_loss(z, target=1.0, epsilon=1e-4), torch.tensor(0.99))
    assert float(covariance_loss(z)) == 0.0
