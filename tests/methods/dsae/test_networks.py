"""The networks of the sequential autoencoder, and its two Gaussians."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl

from latentfx.methods.common.gaussian import kl_divergence, sample
from latentfx.methods.dsae.decoders import AutoregressiveDecoder
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.widths import NetworkConfig

CONFIG = NetworkConfig(n_global=6, n_local=7, n_output=9, v_size=3, z_size=4, global_hidden=(8, 5))


@pytest.fixture
def networks() -> DSAENetworks:
    torch.manual_seed(1)
    return DSAENetworks(CONFIG)


def test_kl_divergence_is_that_of_torch() -> None:
    q, p = ((torch.randn(5, 3), torch.randn(5, 3)) for _ in range(2))
    normal = [Normal(mean, (0.5 * logvar).exp()) for mean, logvar in (q, p)]
    torch.testing.assert_close(kl_divergence(q, p), torch_kl(*normal))
    standard = Normal(torch.zeros(5, 3), torch.ones(5, 3))
    torch.testing.assert_close(kl_divergence(q), torch_kl(normal[0], standard))
    torch.testing.assert_close(kl_divergence(q, q), torch.zeros(5, 3), atol=1e-6, rtol=0)


def test_a_sample_has_the_mean_and_variance_it_is_drawn_from() -> None:
    torch.manual_seed(0)
    mean, logvar = torch.tensor([2.0, -1.0]), torch.tensor([0.0, -2.0])
    drawn = sample((mean.expand(20_000, 2), logvar.expand(20_000, 2)))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(drawn.var(0), logvar.exp(), atol=0.03, rtol=0)


def test_the_global_encoder_ignores_inactive_frames_and_their_order(networks: DSAENetworks) -> None:
    x = torch.randn(2, 10, 6)
    active = torch.tensor([[1.0] * 6 + [0.0] * 4, [0.0] * 3 + [1.0] * 7])
    loud = torch.where(active[..., None] > 0, x, torch.full_like(x, 1e3))
    mean, logvar = networks.global_encoder(x, active)
    torch.testing.assert_close(networks.global_encoder(loud, active), (mean, logvar))
    torch.testing.assert_close(networks.global_encoder(x.flip(1), active.flip(1)), (mean, logvar))
    alone = networks.global_encoder(x[:1, :6], torch.ones(1, 6))
    torch.testing.assert_close(alone, (mean[:1], logvar[:1]))


def test_a_clip_without_activity_gives_finite_numbers(networks: DSAENetworks) -> None:
    mean, logvar = networks.global_encoder(torch.randn(1, 4, 6), torch.zeros(1, 4))
    assert mean.isfinite().all()
    assert logvar.isfinite().all()


def test_the_prior_of_the_first_frame_is_standard(networks: DSAENetworks) -> None:
    mean, logvar = networks.prior(torch.randn(3, 8, 4))
    torch.testing.assert_close(mean[:, 0], torch.zeros(3, 4))
    torch.testing.assert_close(logvar[:, 0], torch.zeros(3, 4))


@pytest.mark.parametrize("frame", [1, 4, 7])
def test_the_prior_sees_earlier_frames_and_not_its_own(networks: DSAENetworks, frame: int) -> None:
    z = torch.randn(1, 8, 4)
    changed = z.clone()
    changed[:, frame:] += 1.0
    before, after = networks.prior(z)[0], networks.prior(changed)[0]
    torch.testing.assert_close(after[:, : frame + 1], before[:, : frame + 1])
    if frame < 7:
        assert not torch.allclose(after[:, frame + 1], before[:, frame + 1])


def test_the_decoder_takes_one_v_for_a_clip_or_one_for_each_frame(networks: DSAENetworks) -> None:
    z, v = torch.randn(2, 5, 4), torch.randn(2, 3)
    torch.testing.assert_close(networks.decoder(z, v), networks.decoder(z, v[:, None].expand(2, 5, 3)))


def test_exchanging_v_twice_restores_what_was_decoded(networks: DSAENetworks) -> None:
    z, v, other = torch.randn(2, 5, 4), torch.randn(2, 3), torch.tensor([1, 0])
    before = networks.decoder(z, v)
    assert not torch.allclose(networks.decoder(z, v[other]), before)
    torch.testing.assert_close(networks.decoder(z, v[other][other]), before)


@pytest.fixture(params=[False, True], ids=["past", "current"])
def decoder(request: pytest.FixtureRequest) -> AutoregressiveDecoder:
    torch.manual_seed(1)
    return AutoregressiveDecoder(CONFIG, current=request.param)


@torch.no_grad()
@pytest.mark.parametrize("frame", [0, 3, 7])
def test_an_autoregressive_decoder_sees_earlier_frames_alone(
    decoder: AutoregressiveDecoder, frame: int
) -> None:
    z, v, x = torch.randn(1, 8, 4), torch.randn(1, 3), torch.randn(1, 8, 9)
    changed = x.clone()
    changed[:, frame:] += 1.0
    before, after = decoder.forced(z, v, x), decoder.forced(z, v, changed)
    torch.testing.assert_close(after[:, : frame + 1], before[:, : frame + 1])
    if frame < 7:
        assert not torch.allclose(after[:, frame + 1], before[:, frame + 1])


@torch.no_grad()
def test_an_autoregressive_decoder_sees_z_of_the_frame_before_or_of_its_own(
    decoder: AutoregressiveDecoder,
) -> None:
    z, v, x = torch.randn(1, 8, 4), torch.randn(1, 3), torch.randn(1, 8, 9)
    changed = z.clone()
    changed[:, 3] += 1.0
    differs = (decoder.forced(changed, v, x) - decoder.forced(z, v, x)).abs().amax(-1)[0] > 1e-6
    assert int(differs.nonzero()[0]) == (3 if decoder.current else 4)


@torch.no_grad()
def test_an_autoregressive_decoder_runs_free_on_its_own_frames(decoder: AutoregressiveDecoder) -> None:
    z, v = torch.randn(2, 8, 4), torch.randn(2, 3)
    free = decoder(z, v)
    torch.testing.assert_close(decoder.forced(z, v, free), free)
    assert not torch.allclose(decoder.forced(z, v, torch.randn_like(free)), free, atol=1e-4)
    other = torch.tensor([1, 0])
    torch.testing.assert_close(decoder(z, v[other][other]), free)


@torch.no_grad()
def test_history_dropout_hides_whole_frames_in_training_alone() -> None:
    torch.manual_seed(0)
    decoder, x = AutoregressiveDecoder(CONFIG, dropout=0.7), torch.ones(40, 50, 9)
    z, v = torch.randn(40, 50, 4), torch.randn(40, 3)
    shown = decoder.history(x, z, v)
    assert shown.unique().tolist() == [0.0, 1.0]
    assert (shown == shown[..., :1]).all()  # whole frames
    assert float(shown.mean()) == pytest.approx(0.3, abs=0.04)
    assert torch.equal(decoder.eval().history(x, z, v), x)
    assert torch.equal(AutoregressiveDecoder(CONFIG).history(x, z, v), x)


@torch.no_grad()
def test_clips_that_are_shown_their_own_frames_are_decoded_as_running_free() -> None:
    torch.manual_seed(0)
    decoder = AutoregressiveDecoder(CONFIG, own=0.6)
    x, z, v = torch.randn(200, 4, 9), torch.randn(200, 1, 4), torch.randn(200, 3)
    shown = decoder.history(x, z, v)
    own = (shown != x).any(-1).any(-1)
    assert float(own.float().mean()) == pytest.approx(0.6, abs=0.1)
    assert torch.equal(shown[~own], x[~own])
    free = decoder(z.expand(-1, 4, -1), v)
    torch.testing.assert_close(decoder.forced(z, v, shown)[own], free[own])
    torch.testing.assert_close(decoder.eval().history(x, z, v), free)


@torch.no_grad()
def test_one_frame_of_z_stands_for_all(decoder: AutoregressiveDecoder) -> None:
    v, x = torch.randn(2, 3), torch.randn(2, 8, 9)
    z = torch.zeros(2, 1, 4)
    torch.testing.assert_close(decoder.forced(z, v, x), decoder.forced(z.expand(2, 8, 4), v, x))
