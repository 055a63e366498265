"""The four objectives add up what their papers say, and the estimators agree with closed forms."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from latentfx.errors import DataError, RecipeError, ShapeError
from latentfx.methods.common.gaussian import kl_divergence
from latentfx.methods.syntone.config import MelImageConfig, SynToneConfig
from latentfx.methods.syntone.densities import aggregate, log_density, stratified_log_weights
from latentfx.methods.syntone.images import MelImages
from latentfx.methods.syntone.model import SynTone
from latentfx.methods.syntone.networks import ImageEncoder
from latentfx.methods.syntone.terms import discriminator_loss, shuffled_dimensions
from latentfx.training.data.example import Example
from latentfx.training.data.sources.waveforms import Tone, play

KINDS = ("vae", "beta-vae", "factor-vae", "beta-tcvae")
SMALL = MelImageConfig(n_fft=512, n_mels=16, frames=8)


def tone(amplitude: float, frequency: float = 1000.0, shape: str = "sine", seconds: float = 0.3) -> Example:
    audio = play(Tone(shape, amplitude, frequency), 16_000, seconds)
    return Example({"audio": audio}, 16_000.0, {"amplitude": amplitude}, f"{shape}-{frequency}-{amplitude}")


def model(kind: str, **settings: object) -> tuple[SynTone, Mapping[str, Tensor]]:
    torch.manual_seed(0)
    made = SynTone(SynToneConfig(kind=kind, mel=SMALL, discriminator_width=16, **settings))  # type: ignore[arg-type]
    tones = [tone(0.1 * (i + 1), 300.0 * (i + 1)) for i in range(8)]
    features = made.prepare(tones)
    return made, features.crop(torch.arange(8), torch.zeros(8, dtype=torch.long), 8)


def test_the_published_encoder_and_decoder_have_the_published_size() -> None:
    whole = SynTone(SynToneConfig())
    assert sum(p.numel() for p in whole.parameters()) == pytest.approx(1.12e6, rel=0.005)
    mean, logvar = whole.encoder(torch.rand(2, 128, 32))
    assert mean.shape == logvar.shape == (2, 8)
    assert whole.decoder(mean).shape == (2, 128, 32)


def test_pooling_before_the_leaky_relu_is_the_published_order_bit_for_bit() -> None:
    torch.manual_seed(0)
    encoder = ImageEncoder(16, 16, 4)
    layers = list(encoder.body)
    for at in (1, 4, 7):
        layers[at], layers[at + 1] = layers[at + 1], layers[at]
    published = torch.nn.Sequential(*layers)
    image = torch.rand(3, 16, 16)
    found = []
    for body in (encoder.body, published):
        encoder.zero_grad()
        hidden = body(image.unsqueeze(1))
        hidden.square().sum().backward()
        found.append([hidden, *(p.grad.clone() for p in body.parameters() if p.grad is not None)])
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.parametrize(("kind", "beta"), [("vae", 1.0), ("beta-vae", 4.0)])
def test_a_vae_is_the_summed_error_and_beta_times_the_mean_divergence(kind: str, beta: float) -> None:
    made, batch = model(kind)
    image = made.images(batch["power"])
    torch.manual_seed(1)
    seen = made.see(image)
    torch.manual_seed(1)
    parts = made.loss(batch)
    error = ((seen.decoded - image) ** 2).sum()
    divergence = kl_divergence(seen.q).sum() / 8
    assert parts["loss"].item() == pytest.approx((error + beta * divergence).item(), rel=1e-6)


def test_the_parts_of_beta_tcvae_add_up_to_the_divergence_of_the_drawn_codes() -> None:
    made, batch = model("beta-tcvae", beta=1.0)
    torch.manual_seed(1)
    seen = made.see(made.images(batch["power"]))
    posterior, _, _, prior = seen.densities
    parts = {term.name: term(seen) for term in made.terms}
    total = parts["information"] + parts["total_correlation"] + parts["dimension_kl"]
    assert total.item() == pytest.approx((posterior - prior).mean().item(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_summed_regularisation_counts_it_as_many_times_as_the_batch_is_large(kind: str) -> None:
    (mean, batch), (summed, _) = model(kind), model(kind, regularisation="sum")
    values = []
    for made in (mean, summed):
        torch.manual_seed(1)
        parts = made.loss(batch)
        values.append((parts["loss"] - parts["error"]).item())
    size = 4 if kind == "factor-vae" else 8  # FactorVAE's model sees half of the batch
    assert values[1] == pytest.approx(size * values[0], rel=1e-2)


@pytest.mark.parametrize(("batch", "total"), [(2, 2), (8, 8), (8, 100), (64, 25_600)])
def test_stratified_weights_sum_to_one_in_every_row_with_one_over_n_for_the_own_posterior(
    batch: int, total: int
) -> None:
    weights = stratified_log_weights(batch, total).double().exp()
    assert weights.sum(1).tolist() == pytest.approx([1.0] * batch, rel=1e-5)
    assert weights.diagonal().tolist() == pytest.approx([1.0 / total] * batch, rel=1e-5)
    others = (weights - 1.0 / (batch - 1)).abs() > 1e-6
    if total > batch > 2:
        assert others.sum(1).tolist() == [2] * batch


def test_the_reference_weights_have_one_over_n_in_the_first_column_and_the_right_ones_do_not() -> None:
    reference, correct = (stratified_log_weights(6, 100, form).exp() for form in ("reference", "correct"))
    first = reference[:, 0].tolist()
    assert first == pytest.approx([0.01, 0.01, 0.01, 0.01, 95 / 500, 0.01])
    assert (correct[:, 0] - 0.01).abs().argmin() == 0
    assert (correct[1:5, 0] > 0.1).all()


@pytest.mark.parametrize(("batch", "total"), [(1, 10), (11, 10)])
def test_a_batch_that_cannot_be_stratified_is_refused(batch: int, total: int) -> None:
    with pytest.raises(ShapeError, match="allowed 2 to"):
        stratified_log_weights(batch, total)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_total_correlation_of_a_gaussian_is_found_when_the_batch_is_all_the_data(correlation: float) -> None:
    """Narrow posteriors about draws of a Gaussian: q(z) is that Gaussian, blurred."""
    generator = torch.Generator().manual_seed(0)
    count, width = 2000, 0.3
    root = torch.linalg.cholesky(torch.tensor([[1.0, correlation], [correlation, 1.0]]))
    mean = torch.randn(count, 2, generator=generator) @ root.T
    q = (mean, torch.full_like(mean, 2.0 * math.log(width)))
    z = mean + width * torch.randn(count, 2, generator=generator)
    log_weights = torch.full((count, count), -math.log(count))
    joint, marginals = aggregate(z, q, log_weights)
    blurred = correlation / (1.0 + width**2)
    assert (joint - marginals).mean().item() == pytest.approx(-0.5 * math.log(1.0 - blurred**2), abs=0.04)


def test_stratified_sampling_is_nearer_to_the_aggregate_posterior_than_the_reference_weights_are() -> None:
    generator = torch.Generator().manual_seed(1)
    total, batch = 512, 32
    mean = torch.randn(total, 2, generator=generator)
    q = (mean, torch.full_like(mean, -1.0))
    z = mean + math.exp(-0.5) * torch.randn(total, 2, generator=generator)
    true, _ = aggregate(z, q, torch.full((total, total), -math.log(total)))
    errors = {}
    for form in ("correct", "reference"):
        weights = stratified_log_weights(batch, total, form)
        rows = torch.randperm(total, generator=generator).split(batch)
        found = [aggregate(z[r], (q[0][r], q[1][r]), weights)[0] - true[r] for r in rows]
        errors[form] = torch.cat(found).mean().abs().item()
    assert errors["correct"] < errors["reference"]


def test_the_log_density_is_that_of_torch() -> None:
    z, mean, logvar = torch.randn(3, 5, 4)
    wanted = torch.distributions.Normal(mean, torch.exp(0.5 * logvar)).log_prob(z)
    assert torch.allclose(log_density(z, (mean, logvar)), wanted, atol=1e-5)


def test_factor_vae_trains_model_and_discriminator_apart_and_its_judge_learns() -> None:
    made, batch = model("factor-vae")
    first, second = made.players()
    assert {id(p) for p in first.parameters} & {id(p) for p in second.parameters} == set()
    assert len(first.parameters) + len(second.parameters) == len(list(made.parameters()))
    second.loss(batch)["loss"].backward()
    assert all(p.grad is None for p in first.parameters)
    assert all(p.grad is not None for p in second.parameters)
    optimizer = torch.optim.Adam(second.parameters, lr=1e-2)
    for parameter in first.parameters:
        parameter.requires_grad_(False)
    z = torch.randn(128, 1).repeat(1, 8)  # one dimension, eight times: nothing like its shuffled self
    judge = made.discriminator
    assert judge is not None
    for _ in range(30):
        loss = discriminator_loss(judge, z, shuffled_dimensions(z))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3  # log 2 = 0.69 knows nothing


def test_shuffled_dimensions_keep_every_column_and_break_their_pairs() -> None:
    torch.manual_seed(0)
    z = torch.arange(100.0).unsqueeze(1).repeat(1, 3)
    shuffled = shuffled_dimensions(z)
    assert torch.equal(shuffled.sort(dim=0).values, z)
    assert np.abs(np.corrcoef(shuffled.T.numpy()) - np.eye(3)).max() < 0.4


def test_images_of_norm_frame_hide_the_amplitude_and_those_of_norm_dataset_show_it() -> None:
    soft, loud = tone(0.1), tone(1.0)
    for norm, hidden in (("frame", True), ("dataset", False)):
        images = MelImages(MelImageConfig(n_fft=512, n_mels=16, frames=8, norm=norm))  # type: ignore[arg-type]
        power = images.prepare([soft, loud]).crop(torch.tensor([0, 1]), torch.zeros(2, dtype=torch.long), 8)
        first, second = images(power["power"])
        assert torch.allclose(first, second, atol=1e-5) == hidden
        assert 0.0 <= float(second.min()) <= float(second.max()) <= 1.0


def test_images_in_db_rise_with_the_level_in_equal_steps() -> None:
    images = MelImages(MelImageConfig(n_fft=512, n_mels=16, frames=8, scale="db"))
    tones = [tone(amplitude) for amplitude in (0.01, 0.1, 1.0)]
    power = images.prepare(tones).crop(torch.arange(3), torch.zeros(3, dtype=torch.long), 8)["power"]
    tops = images(power).amax(dim=(1, 2))
    assert tops.tolist() == pytest.approx([0.5, 0.75, 1.0], abs=0.01)
    assert torch.allclose(images.audio_power(images(power)).amax(), power.amax(), rtol=1e-4)


def test_an_example_that_is_too_short_and_settings_that_make_no_image_are_refused() -> None:
    with pytest.raises(DataError, match="give longer examples"):
        MelImages(MelImageConfig()).prepare([tone(0.5)])
    with pytest.raises(RecipeError, match="multiples of 8"):
        MelImageConfig(n_mels=100)
    with pytest.raises(RecipeError, match="z_size is 1"):
        SynToneConfig(z_size=1)
