"""The published models on mels: their teachers, terms and units; and that each learns."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_mel import BANDS, FRAMES, METHODS, scene, tiny_mel_model, train_on_scenes
from torch import Tensor
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl

from latentfx.errors import RecipeError, TrainingError
from latentfx.methods.common.gaussian import Gaussian
from latentfx.methods.dsae.models import JDSAE, TSDSAE, MelObjective
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.one_pass import Drawn, Pass
from latentfx.methods.dsae.terms import Jacobian
from latentfx.methods.terms import add_up

DECODERS = ("factorised", "autoregressive")
both_decoders = pytest.mark.parametrize("decoder", DECODERS)
both_with_teacher = pytest.mark.parametrize("method", ["ts-dsae", "j-dsae"])


def batch(seed: int = 0) -> dict[str, Tensor]:
    return {"mel": scene(5, seed)[0]}


def taught(method: str, decoder: str = "factorised", **changes: object) -> MelObjective:
    """A model in its second stage."""
    model = tiny_mel_model(method, decoder, **changes)
    model.begin_stage(0)
    model.begin_stage(1)
    return model


def moved_away(model: MelObjective) -> MelObjective:
    """The same, with a student that is no longer its teacher."""
    with torch.no_grad():
        for parameter in model.networks.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def numbers(model: MelObjective, given: dict[str, Tensor]) -> dict[str, float]:
    torch.manual_seed(3)
    return {name: float(value.detach()) for name, value in model.loss(given).items()}


def normal(gaussian: Gaussian) -> Normal:
    return Normal(gaussian[0], (0.5 * gaussian[1]).exp())


def codes(networks: DSAENetworks, mel: Tensor) -> tuple[Gaussian, Gaussian]:
    """Posteriors of v and z."""
    return networks.global_encoder(mel, torch.ones(mel.shape[:2])), networks.local_encoder(mel)


@both_decoders
@both_with_teacher
def test_the_teacher_gets_no_gradient_and_does_not_change(method: str, decoder: str) -> None:
    model = taught(method, decoder)
    assert model.teacher is not None
    before = copy.deepcopy(model.teacher.state_dict())
    born = copy.deepcopy(model.networks.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for seed in range(3):
        optimizer.zero_grad()
        model.loss(batch(seed))["loss"].backward()
        optimizer.step()
    assert all(parameter.grad is None for parameter in model.teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.teacher.state_dict().items())
    still = [name for name, value in model.networks.state_dict().items() if torch.equal(value, born[name])]
    assert still == []


@both_with_teacher
def test_the_teacher_stays_in_evaluation_mode(method: str) -> None:
    model = taught(method, "autoregressive", history_dropout=0.5).train()
    assert model.teacher is not None
    assert model.networks.decoder.training
    assert not any(module.training for module in model.teacher.modules())
    assert not model.eval().networks.decoder.training


@both_decoders
def test_in_the_first_stage_of_ts_dsae_z_is_a_projection_that_does_not_learn(decoder: str) -> None:
    model = tiny_mel_model("ts-dsae", decoder)
    model.begin_stage(0)
    model.loss(batch())["loss"].backward()
    waiting = [*model.networks.local_encoder.parameters(), *model.networks.prior.parameters()]
    assert all(parameter.grad is None for parameter in waiting)
    assert all(parameter.grad is not None for parameter in model.networks.decoder.parameters())
    before = numbers(model, batch())["error"]
    with torch.no_grad():
        model.networks.local_encoder.get_submodule("head.mean").get_parameter("bias").add_(3.0)
    assert numbers(model, batch())["error"] != before  # the decoder sees z


@both_decoders
@pytest.mark.parametrize("mode", ["kl_only", "frozen"])
def test_in_the_first_stage_of_j_dsae_the_decoder_sees_zeros(mode: str, decoder: str) -> None:
    model = tiny_mel_model("j-dsae", decoder, stage1_local=mode)
    model.begin_stage(0)
    model.loss(batch())["error"].backward()
    local = [*model.networks.local_encoder.parameters(), *model.networks.prior.parameters()]
    assert all(parameter.grad is None for parameter in local)
    model.loss(batch())["loss"].backward()
    learns = any(p.grad is not None and bool(p.grad.abs().max() > 0) for p in local)
    assert learns == (mode == "kl_only")


def jacobian_of(model: MelObjective, z: Tensor, v: Tensor, x: Tensor) -> float:
    """The Jacobian term where student and teacher have the same v."""
    certain, nothing = (v, torch.full_like(v, -200.0)), (z, torch.zeros_like(z))
    drawn = Drawn(certain, nothing, certain, nothing, v, z)
    history = model.networks.decoder.history(x, z, v)
    decoded = model.networks.decoder.forced(z, v, history)
    views = model.features({"mel": x})
    return float(Jacobian()(Pass(views, drawn, model.networks, model.teacher, v, z, history, decoded)))


@torch.no_grad()
@pytest.mark.parametrize(
    ("decoder", "shown"),
    [
        ("factorised", {}),
        ("autoregressive", {}),
        ("autoregressive", {"history_dropout": 0.5}),
        ("autoregressive", {"own_frames": 0.5}),
    ],
)
def test_the_jacobian_is_0_where_student_is_teacher_and_z_is_0(decoder: str, shown: dict[str, float]) -> None:
    """Whatever frames an autoregressive decoder is shown: all four decodings are shown the same ones."""
    model = taught("j-dsae", decoder, **shown)
    v, x = torch.randn(5, 3), scene(5)[0]
    zeros, line = torch.zeros(5, FRAMES, 4), torch.randn(5, FRAMES, 4)
    assert jacobian_of(model, zeros, v, x) < 1e-10
    assert jacobian_of(moved_away(model), line, v, x) > 1e-4


@both_decoders
def test_the_jacobian_is_0_where_a_clip_has_no_other_to_exchange_with(decoder: str) -> None:
    model = moved_away(taught("j-dsae", decoder))
    assert numbers(model, batch())["jacobian"] > 0
    assert numbers(model, {"mel": batch()["mel"][:1]})["jacobian"] == 0


def test_the_jacobian_without_a_teacher_is_refused() -> None:
    seen = tiny_mel_model("j-dsae").see(batch())
    with pytest.raises(TrainingError, match="term 'jacobian' needs a teacher; use it from the second stage"):
        Jacobian()(seen)


@torch.no_grad()
def test_a_factorised_teacher_is_constant_in_time() -> None:
    model = taught("j-dsae")
    assert model.teacher is not None
    spectrum = model.teacher.decoder(torch.zeros(2, FRAMES, 4), torch.randn(2, 3))
    torch.testing.assert_close(spectrum, spectrum[:, :1].expand_as(spectrum))


@both_decoders
def test_the_terms_of_ts_dsae_are_divergences_as_torch_computes_them(decoder: str) -> None:
    model, mel = moved_away(taught("ts-dsae", decoder)), batch()["mel"]
    assert model.teacher is not None
    networks = model.networks
    with torch.no_grad():
        seen = model.see({"mel": mel})
        found = {name: float(value) for name, value in add_up(model.phase.terms, seen).items()}
        v, z, other = seen.v, seen.z, seen.other
        (q_v, q_z), (p_v, _) = codes(networks, mel), codes(model.teacher, mel)
        with_their_v, with_their_z = (
            codes(networks, networks.decoder(*pair)) for pair in ((z, v[other]), (z[other], v))
        )
        kl_v = torch_kl(normal(q_v), normal(p_v))
        kl_z = torch_kl(normal(q_z), normal(networks.prior(z)))
        first = torch_kl(normal(q_z), Normal(0.0, 1.0))[:, 0]
        torch.testing.assert_close(kl_z[:, 0], first)  # the prior of the first frame is N(0, I)
        their_v, their_z = [(q[0][other], q[1][other]) for q in (q_v, q_z)]
        swap_v = torch_kl(normal(with_their_v[0]), normal(their_v)).mean()
        swap_v += torch_kl(normal(with_their_z[0]), normal(q_v)).mean()
        swap_z = torch_kl(normal(with_their_v[1]), normal(q_z)).mean()
        swap_z += torch_kl(normal(with_their_z[1]), normal(their_z)).mean()
        error = (networks.decoder.forced(z, v, mel) - mel).square().mean()
    assert found["kl_v"] == pytest.approx(float(kl_v.sum(-1).mean()), rel=1e-4)
    assert found["kl_z"] == pytest.approx(float(kl_z.sum(-1).mean()), rel=1e-4)
    assert 2 * found["swap_v"] == pytest.approx(float(swap_v), rel=1e-4)
    assert 2 * found["swap_z"] == pytest.approx(float(swap_z), rel=1e-4)
    expected = error + kl_v.mean() + kl_z.mean() + swap_v + swap_z
    assert found["loss"] == pytest.approx(float(expected), rel=1e-4)


@both_decoders
@pytest.mark.parametrize(("reduction", "scale"), [("mean", 1.0), ("elbo_sum", 0.5)])
def test_the_loss_of_j_dsae_is_the_sum_of_its_published_terms(
    decoder: str, reduction: str, scale: float
) -> None:
    model, mel = moved_away(taught("j-dsae", decoder, reduction=reduction)), batch()["mel"]
    assert model.teacher is not None
    student, teacher = model.networks, model.teacher
    with torch.no_grad():
        seen = model.see({"mel": mel})
        found = {name: float(value) for name, value in add_up(model.phase.terms, seen).items()}
        v, z, other, teacher_v = seen.v, seen.z, seen.other, seen.teacher_v
        (q_v, q_z), (p_v, _) = codes(student, mel), codes(teacher, mel)
        nothing = torch.zeros_like(z)
        decoded, exchanged = (student.decoder.forced(z, value, mel) for value in (v, v[other]))
        wanted = teacher.decoder.forced(nothing, teacher_v[other], mel)
        wanted = wanted - teacher.decoder.forced(nothing, teacher_v, mel)
        jacobian = (wanted - (exchanged - decoded)).square().mean()
        error = (decoded - mel).square().mean()
        kl_v = torch_kl(normal(q_v), normal(p_v))
        kl_z = torch_kl(normal(q_z), normal(student.prior(z)))
        nats = kl_v.mean() + kl_z.mean()
        if reduction == "elbo_sum":
            nats = kl_v.sum(-1).mean() / (FRAMES * BANDS) + kl_z.sum(-1).mean() / BANDS
    assert found["jacobian"] == pytest.approx(float(jacobian), rel=1e-4)
    assert found["loss"] == pytest.approx(float(scale * (error + jacobian) + nats), rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_summed_bound_is_divided_by_the_size_of_the_spectrogram(method: str) -> None:
    model = tiny_mel_model(method, reduction="elbo_sum", beta=0.3)
    model.begin_stage(0)
    parts = numbers(model, batch())
    whole = 0.5 * parts["error"] * FRAMES * BANDS + 0.3 * parts["kl_z"] * FRAMES + parts["kl_v"]
    assert parts["loss"] == pytest.approx(whole / (FRAMES * BANDS), rel=1e-5)


@pytest.mark.parametrize(("weight", "method"), [("swap_weight", "ts-dsae"), ("jacobian_weight", "j-dsae")])
@pytest.mark.parametrize("reduction", ["mean", "elbo_sum"])
def test_weights_weigh_the_terms_of_their_method(weight: str, method: str, reduction: str) -> None:
    losses = []
    for value in (0.0, 1.0, 3.0):
        model = moved_away(taught(method, reduction=reduction, **{weight: value}))
        losses.append(numbers(model, batch())["loss"])
    assert losses[1] - losses[0] > 0
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-4)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_the_share_of_hidden_frames_is_checked(share: float) -> None:
    with pytest.raises(RecipeError, match=r"method\.history_dropout is .*; allowed 0 to below 1"):
        tiny_mel_model("dsae", "autoregressive", history_dropout=share)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_the_share_of_clips_shown_their_own_frames_is_checked(share: float) -> None:
    with pytest.raises(RecipeError, match=r"method\.own_frames is .*; allowed 0 to 1"):
        tiny_mel_model("dsae", "autoregressive", own_frames=share)


@pytest.mark.parametrize("method", METHODS)
@both_decoders
def test_every_objective_learns(method: str, decoder: str) -> None:
    """The scene has a variance near 2; an exchanged v brings the other timbre, and leaves the pitch."""
    model = tiny_mel_model(method, decoder, reduction="elbo_sum")
    last = train_on_scenes(model, 60 if (method, decoder) == ("ts-dsae", "autoregressive") else 150)
    assert last[-1]["error"] < 0.8
    if decoder == "factorised" and isinstance(model, TSDSAE | JDSAE):
        assert exchange_error(model) < 0.6


@torch.no_grad()
def exchange_error(model: MelObjective) -> float:
    """Squared error of exchanged clips, as a share of that of the clips as they were."""
    mel, timbre, pitch = scene(64, seed=999)
    other = torch.arange(64).roll(1)
    q_v, q_z = codes(model.networks, mel)
    wanted = timbre[other] + pitch
    decoded = model.networks.decoder(q_z[0], q_v[0][other])
    return float((decoded - wanted).square().mean() / (mel - wanted).square().mean())
