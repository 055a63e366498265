"""The objectives add up what the paper says, and the schedule says when the prior sees its own output."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from latentfx.errors import DataError, RecipeError
from latentfx.methods.sps.config import SPSConfig
from latentfx.methods.sps.groups import GroupConfig
from latentfx.methods.sps.images import NoteImages
from latentfx.methods.sps.model import SPS
from latentfx.methods.sps.prior import Prior, draw_forcing, forcing_probability
from latentfx.training.data.example import Example

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL: dict[str, Any] = {"view": "video", "image_size": 8, "prior_units": 8}


def model(**settings: Any) -> SPS:
    torch.manual_seed(0)
    return SPS(SPSConfig(**{**SMALL, **settings}))


def video(batch: int = 3, frames: int = 7) -> Tensor:
    return torch.rand(batch, frames, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def parts(objective: SPS, images: Tensor) -> dict[str, float]:
    torch.manual_seed(2)
    return {name: value.item() for name, value in objective.loss({"image": images}).items()}


class Shift(Prior):
    """z -> z + step: it commutes with translations."""

    def forward(self, z: Tensor, forced: Any) -> Tensor:
        return z[:, :-1] + 0.3


@pytest.mark.parametrize(
    ("iteration", "probability", "within"),
    [(0, 0.983, 0.0005), (5000, 0.86, 0.005), (8931, 0.5, 0.005), (15_000, 0.06, 0.005), (20_000, 0.0, 0.01)],
)
def test_the_schedule_has_the_published_values(iteration: int, probability: float, within: float) -> None:
    assert forcing_probability(iteration, 2200, 8000) == pytest.approx(probability, abs=within)


def test_a_shorter_run_passes_through_the_whole_schedule() -> None:
    short = [forcing_probability(step, 2200, 8000, iterations=3000) for step in (0, 1000, 3000)]
    whole = [forcing_probability(step, 2200, 8000) for step in (0, 5000, 15_000)]
    assert short == pytest.approx(whole, rel=1e-2)


def test_the_given_steps_always_see_the_code_and_all_others_as_often_as_asked() -> None:
    torch.manual_seed(0)
    drawn = [draw_forcing(14, 3, 0.25) for _ in range(400)]
    assert all(all(steps[:3]) for steps in drawn)
    assert sum(sum(steps[3:]) for steps in drawn) / (400 * 11) == pytest.approx(0.25, abs=0.02)


def test_the_prior_feeds_its_own_prediction_back_where_it_is_not_forced() -> None:
    torch.manual_seed(0)
    prior, z = Prior(2, 8), torch.randn(3, 5, 2)
    rolled = prior(z, [True, True, False, True])
    mixed = z.clone()
    mixed[:, 2] = prior(z, [True] * 4)[:, 1]
    torch.testing.assert_close(rolled, prior(mixed, [True] * 4))


def test_symmetry_terms_vanish_for_a_prior_that_commutes_with_the_group() -> None:
    made = model(kind="ae")
    made.prior = Shift(1)
    seen = parts(made, video())
    assert seen["agreement"] == pytest.approx(0.0, abs=1e-9)
    assert seen["symmetry"] == pytest.approx(seen["prior"], rel=1e-5)
    assert seen["turned_prediction"] == pytest.approx(seen["prediction"], rel=1e-5)


def test_without_copies_the_loss_is_that_of_the_ablation() -> None:
    made, images = model(copies=0), video()
    torch.manual_seed(2)
    seen = made.see(images)
    found = parts(made, images)

    def entropy(logits: Tensor, wanted: Tensor) -> Tensor:
        p = torch.sigmoid(logits.double())
        return -(wanted * p.log() + (1 - wanted) * (1 - p).log()).sum()

    mean, logvar = seen.q
    kl = 0.5 * (mean**2 + logvar.exp() - logvar - 1).sum()
    wanted = entropy(seen.decoded, images) + entropy(seen.decoded_predicted, images[:, 1:])
    wanted = wanted + (seen.predicted - seen.z[:, 1:]).square().sum() + 0.01 * kl
    assert found["loss"] == pytest.approx(wanted.item(), rel=1e-6)
    assert set(found) == {"loss", "self", "prediction", "prior", "kl", "z_std"}


def test_the_whole_loss_adds_what_each_transform_predicts_averaged_over_the_transforms() -> None:
    made, images = model(copies=3), video()
    torch.manual_seed(2)
    seen = made.see(images)
    found = parts(made, images)
    by_hand = sum((seen.turned[0][k] - seen.z[:, 1:]).square().sum().item() for k in range(3)) / 3
    assert found["symmetry"] == pytest.approx(by_hand, rel=1e-5)
    total = found["self"] + found["prediction"] + found["turned_prediction"] + found["prior"]
    total += 2.0 * (found["symmetry"] + found["agreement"]) + 0.01 * found["kl"]
    assert found["loss"] == pytest.approx(total, rel=1e-6)


def test_separate_groups_each_bring_their_own_terms_and_joint_ones_share_them() -> None:
    groups = (GroupConfig("translation", (0, 2)), GroupConfig("rotation", (0, 2)))
    images = video()
    for compose, families in (("separate", 2), ("joint", 1)):
        seen = model(content=3, groups=groups, compose=compose).see(images)
        assert [tuple(each.shape) for each in seen.turned] == [(4, 3, 6, 3)] * families


@pytest.mark.parametrize("kind", ["vae", "ae", "beta-vae"])
def test_the_loss_of_a_batch_is_the_sum_over_its_sequences(kind: str) -> None:
    made, images = model(kind=kind, groups=(GroupConfig(reach=1e-9),), copies=1, given=9), video(batch=1)
    made.draw = lambda q: q[0]  # type: ignore[method-assign]
    one, four = parts(made, images), parts(made, images.repeat(4, 1, 1, 1, 1))
    assert four["loss"] == pytest.approx(4.0 * one["loss"], rel=1e-5)


def test_random_pooling_gives_every_time_the_style_of_one_frame() -> None:
    made = model(style=2, pool_from=3)
    style = torch.randn(2, 7, 2)
    for _ in range(20):
        pooled = made.pooled(style)
        assert torch.equal(pooled, pooled[:, :1].expand_as(pooled))
        assert any(torch.equal(pooled[:, 0], style[:, index]) for index in range(3))


def test_the_baseline_pools_no_style_and_has_no_prior() -> None:
    made = model(kind="beta-vae", style=2)
    style = torch.randn(2, 7, 2)
    assert torch.equal(made.pooled(style), style)
    assert set(parts(made, video())) == {"loss", "self", "kl", "z_std"}


def test_an_autoencoder_has_no_noise_and_no_divergence() -> None:
    made = model(kind="ae", given=9)
    assert made.encoder.logvar is None
    assert torch.equal(made.see(video()).z, made.encode(video())[0])
    assert "kl" not in parts(made, video())


def test_the_noise_of_the_published_code_is_half_the_variance_and_the_right_one_its_root() -> None:
    q = (torch.zeros(200_000, 1), torch.full((200_000, 1), -2.0))
    for noise, wanted in (("correct", math.exp(-1.0)), ("reference", 0.5 * math.exp(-2.0))):
        torch.manual_seed(0)
        assert model(noise=noise).draw(q).std().item() == pytest.approx(wanted, rel=0.01)


def test_presets_have_the_figures_of_the_paper_and_of_the_code_and_settings_override_them() -> None:
    found = {
        name: SPSConfig(preset=name).weights  # type: ignore[arg-type]
        for name in ("paper", "official-audio", "official-video", "official-kitti")
    }
    assert [(w.prior, w.symmetry, w.reach, w.agreement) for w in found.values()] == [
        (1.0, 2.0, 1.0, True),
        (2.0, 4.0, 4.0, False),
        (2.0, 2.0, 1.0, True),
        (20.0, 20.0, 1.0, True),
    ]
    assert replace(SPSConfig(), symmetry_weight=7.0).weights.symmetry == 7.0
    names = [term.name for term in model(preset="official-audio").terms]
    assert "agreement" not in names


def test_only_training_moves_the_schedule_on() -> None:
    made = model()
    made.train().loss({"image": video()})
    made.eval().loss({"image": video()})
    assert int(made.iteration) == 1


@pytest.mark.parametrize(
    "settings", [{"content": 0}, {"copies": -1}, {"image_size": 12}, {"groups": (GroupConfig(dims=(1,)),)}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="allowed"):
        SPSConfig(**settings)


def test_a_full_scale_sine_has_the_published_magnitude_and_comes_back_from_its_image() -> None:
    config = SPSConfig().notes
    images = NoteImages(config)
    audio = torch.sin(2 * math.pi * 1000.0 * torch.arange(2560) / 16_000)
    image = images(audio)
    assert image.shape == (1, 5, 513)
    magnitude = images.magnitude(image)
    assert magnitude[0, 2].max().item() == pytest.approx(512.0, rel=0.01)
    assert image.max().item() == pytest.approx(math.log2(513.0) / 12.5, rel=0.01)


def test_frames_of_another_size_are_refused() -> None:
    example = Example({"video": torch.rand(7, 3, 16, 16).numpy()}, 5.0, {}, "clip")
    with pytest.raises(DataError, match=r"method\.image_size"):
        model().prepare([example])
