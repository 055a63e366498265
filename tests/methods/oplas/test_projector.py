"""The mixing projector: its terms, its arithmetic, and the toy world in which everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from vicregaddon import vicreg_cov_loss, vicreg_var_loss

from latentfx.errors import ShapeError
from latentfx.methods.oplas.projector import MixingProjector, Projector
from latentfx.methods.oplas.terms import additivity, mixing_terms, project
from latentfx.methods.oplas.toys.many_seeds import build_each
from latentfx.methods.oplas.toys.mixing import (
    MixingConfig,
    ToyMixing,
    draw_faders,
    draw_stems,
    score_mixing,
    train_mixing,
    twist,
)
from latentfx.methods.terms import add_up

pytestmark = pytest.mark.usefixtures("one_thread")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [2, 128])
def test_with_a_last_layer_of_zeros_the_projector_is_the_identity(size: int) -> None:
    y = torch.randn(7, size)
    projector = Projector(size, hidden=4 * size, blocks=3)
    assert not torch.allclose(projector(y), y)
    nn.init.zeros_(projector.last.weight)
    nn.init.zeros_(projector.last.bias)
    torch.testing.assert_close(projector(y), y, rtol=0, atol=0)


def test_a_projector_adds_a_residual_network_with_gelu_to_its_input() -> None:
    projector = Projector(2).double()
    y = torch.randn(5, 2, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in projector.named_parameters()}
    erf = np.vectorize(math.erf)

    def layer(x: np.ndarray, name: str) -> np.ndarray:
        linear = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return linear * 0.5 * (1.0 + erf(linear / math.sqrt(2.0)))

    x = layer(y.numpy(), "first")
    for name in ("blocks.0", "blocks.1"):
        x = x + layer(x, name)
    expected = y.numpy() + x @ weights["last.weight"].T + weights["last.bias"]
    np.testing.assert_allclose(projector(y).detach().numpy(), expected)
    assert {value.shape for value in projector.parameters()} == {(64, 2), (64,), (64, 64), (2, 64), (2,)}
    assert Projector(8, bias=False).last.bias is None
    with pytest.raises(ShapeError, match="0 dimensions, 64 wide, with 2 blocks; allowed 1 or more"):
        Projector(0)


def test_the_loss_has_the_terms_of_the_paper() -> None:
    model = MixingProjector(Projector(3), Projector(3)).double()
    stems, mix, alone = (
        torch.randn(2, 50, 3).double(),
        torch.randn(50, 3).double(),
        torch.randn(50, 3).double(),
    )
    h, back = model.into, model.back
    seen = project(h, back, stems, mix, alone)
    parts, summed, mixed = add_up(mixing_terms(2.0, 25.0, 1.0, 0.5), seen), seen.summed, seen.mixed
    torch.testing.assert_close(summed, h(stems[0]) + h(stems[1]))
    torch.testing.assert_close(mixed, h(mix))
    expected = {
        "mix": nn.functional.mse_loss(summed, mixed),
        "variance": (vicreg_var_loss(summed) + vicreg_var_loss(mixed)) / 2,
        "covariance": (vicreg_cov_loss(summed) + vicreg_cov_loss(mixed)) / 2,
        "inverse": nn.functional.mse_loss(back(h(alone)), alone) + nn.functional.mse_loss(back(mixed), mix),
    }
    for name, value in expected.items():
        torch.testing.assert_close(parts[name], value)
    weighted = 2.0 * expected["mix"] + 25.0 * expected["variance"] + expected["covariance"]
    torch.testing.assert_close(parts["loss"], weighted + 0.5 * expected["inverse"])
    apart = (summed - mixed).norm(dim=1) / mixed.norm(dim=1)
    torch.testing.assert_close(additivity(seen), apart.mean())
    parts["loss"].backward()
    assert all(value.grad is not None and bool(value.grad.any()) for value in model.parameters())


def identity() -> ToyMixing:
    (model,) = build_each(ToyMixing, [0])
    for projector in (model.into, model.back):
        nn.init.zeros_(projector.last.weight)
        nn.init.zeros_(projector.last.bias)
    return model


def test_where_embeddings_add_up_already_arithmetic_is_exact() -> None:
    a, b, c = torch.randn(3, 20, 2)
    model = identity()
    torch.testing.assert_close(model.analogy(a + b, a, c), b + c)
    torch.testing.assert_close(model.subtract(a + b, b), a)


def test_stems_and_faders_are_drawn_as_stated() -> None:
    stems = draw_stems(20_000, generator(), 3)
    assert stems.abs().amax((1, 2)).tolist() == pytest.approx([1.2, 1.0, 1.0], abs=0.01)
    assert stems.mean((1, 2)).tolist() == pytest.approx([0.0] * 3, abs=0.02)
    assert stems.std((1, 2)).tolist() == pytest.approx(
        [edge / math.sqrt(3) for edge in (1.2, 1, 1)], rel=0.02
    )
    faders = draw_faders(20_000, generator())
    assert faders.shape == (2, 20_000, 1)
    assert float(faders.abs().min()) == pytest.approx(1.0 - 0.5 * math.tanh(2.0), abs=0.01)
    assert float(faders.abs().max()) == pytest.approx(1.0 + 0.5 * math.tanh(2.0), abs=0.01)
    assert float((faders > 0).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_the_encoder_is_its_formula_and_does_not_add_up() -> None:
    x, y = 0.4, -0.7

    def g(t: float, a: float) -> float:
        return 0.9 * (math.tanh(a * t) + 0.1 * t)

    wanted = [g(1.7 * (x - 0.5 * g(y, 3.0)), 2.0), g(1.7 * (y + 0.7 * g(x, 1.2)), 2.0)]
    assert twist(torch.tensor([x, y])).tolist() == pytest.approx(wanted)
    scores = score_mixing(identity())
    assert scores.mix_without == pytest.approx(0.64, abs=0.02)
    assert scores.inverse == 0.0
    assert not scores.passed


def test_without_a_projector_each_score_is_that_without_h() -> None:
    scores = score_mixing(identity())
    assert (scores.mix, scores.analogy, scores.removal) == pytest.approx(
        (scores.mix_without, scores.analogy_without, scores.removal_without)
    )


class Untwisted(MixingProjector):
    """The answer, in closed form as far as a search can find it: h undoes the encoder."""

    def __init__(self) -> None:
        super().__init__(nn.Identity(), nn.Identity())
        self.into = _Untwist()
        self.back = _Twist()


class _Twist(nn.Module):
    def forward(self, points: Tensor) -> Tensor:
        return twist(points)


class _Untwist(nn.Module):
    """Newton's method on the encoder, from many places at once."""

    def forward(self, wanted: Tensor) -> Tensor:
        side = torch.linspace(-3.2, 3.2, 81, dtype=torch.float64)
        grid = torch.cartesian_prod(side, side)
        nearest = torch.cdist(wanted.double(), twist(grid)).argmin(-1)
        points = grid[nearest]
        slope = torch.func.vmap(torch.func.jacfwd(twist))
        for _ in range(8):
            step = torch.linalg.solve(slope(points), (twist(points) - wanted)[..., None])[..., 0]
            points = points - step.clamp(-0.1, 0.1)
        return points


def test_a_perfect_projector_passes_and_removes_stems_exactly() -> None:
    """The encoder can be undone, so that points themselves are a space in which mixes add up."""
    scores = score_mixing(Untwisted(), count=60)
    assert scores.passed
    assert max(scores.mix, scores.inverse, scores.analogy, scores.removal) < 1e-3


def test_training_makes_embeddings_add_up() -> None:
    models, trained = train_mixing(MixingConfig(batch=64, steps=200, peak_lr=1e-2), [0])
    (untrained,) = build_each(ToyMixing, [0])
    before, after = score_mixing(untrained, 512), score_mixing(models[0], 512)
    assert after.mix < 0.75 * min(before.mix, after.mix_without)
    assert after.removal < 0.9 * after.removal_without
    assert after.analogy < 0.9 * after.analogy_without
    assert after.inverse < 0.2
    summed, mixed = trained.frames[200][0]
    assert summed.shape == mixed.shape == (64, 2)
