"""The objective of the swapper: its teacher, its Jacobian term, its units; and that it learns."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from tiny_swap import INSTRUMENTS, quiet, tiny_config, tiny_model, tiny_recipe
from torch import Tensor

from latentfx.dsp.noise import NOISE_POWER
from latentfx.errors import CheckpointError, RecipeError
from latentfx.methods.swapper.features import bin_weights, log_bands, mean_power, relative_loudness
from latentfx.methods.swapper.harmonic import BREATH, HarmonicDecoder
from latentfx.methods.swapper.model import Swapper
from latentfx.methods.swapper.terms import in_bands
from latentfx.methods.swapper.timbres import named_in_part, naming_loss, remember
from latentfx.training.runs.checkpoint import load_checkpoint, read_tensors, write_tensors
from latentfx.training.runs.start import train

Batch = dict[str, Tensor]
FRAMES = 24


def batch_of(model: Swapper, seed: int = 0) -> Batch:
    """A batch of noise in the shape of features."""
    generator = torch.Generator().manual_seed(seed)
    spectral = model.config.spectral
    return {
        "logmag": torch.randn(5, FRAMES, spectral.bins, generator=generator),
        "pitch": torch.randn(5, FRAMES, spectral.n_pitch, generator=generator),
        "loudness": torch.randn(5, FRAMES, 1, generator=generator),
        "banded": torch.randn(5, 40, model.config.network.n_global, generator=generator),
        "active": torch.ones(5, 40),
        "instrument": torch.tensor([0, 1, 2, -1, 0]),
    }


@pytest.fixture
def taught() -> Swapper:
    """A model at the start of stage `pitch`."""
    model = tiny_model()
    model.begin_stage(0)
    model.begin_stage(1)
    return model


def test_the_teacher_gets_no_gradient_and_does_not_change(taught: Swapper) -> None:
    assert taught.teacher is not None
    before = copy.deepcopy(taught.teacher.state_dict())
    optimizer = torch.optim.AdamW(taught.parameters(), lr=0.01)
    moved = copy.deepcopy(taught.networks.state_dict())
    for seed in range(3):
        optimizer.zero_grad()
        taught.loss(batch_of(taught, seed))["loss"].backward()
        optimizer.step()
    assert all(parameter.grad is None for parameter in taught.teacher.parameters())
    for name, value in taught.teacher.state_dict().items():
        assert torch.equal(value, before[name])
    changed = [name for name, value in taught.networks.state_dict().items() if not value.equal(moved[name])]
    assert len(changed) >= len(list(taught.networks.parameters())) - 1


def test_the_jacobian_is_0_where_a_clip_has_no_other_to_exchange_with(taught: Swapper) -> None:
    batch = batch_of(taught)
    assert float(taught.loss(batch)["jacobian"].detach()) > 0
    alone = {name: value[:1] for name, value in batch.items()}
    assert float(taught.loss(alone)["jacobian"].detach()) == 0


def test_the_teacher_is_constant_in_time(taught: Swapper) -> None:
    assert taught.teacher is not None
    spectrum = taught.teacher.decoder(torch.zeros(2, 7, 9), torch.randn(2, 4))
    torch.testing.assert_close(spectrum, spectrum[:, :1].expand_as(spectrum))


@pytest.mark.parametrize("mode", ["kl_only", "frozen"])
def test_in_the_first_stage_the_decoder_never_sees_z(mode: str) -> None:
    model = tiny_model(stage1_local=mode)
    model.begin_stage(0)
    model.loss(batch_of(model))["error"].backward()
    local = [*model.networks.local_encoder.parameters(), *model.networks.prior.parameters()]
    assert all(parameter.grad is None for parameter in local)
    model.zero_grad()
    model.loss(batch_of(model))["loss"].backward()
    learns = any(p.grad is not None and bool(p.grad.abs().max() > 0) for p in local)
    assert learns == (mode == "kl_only")


def test_a_summed_bound_is_divided_by_the_size_of_the_clip_and_means_by_the_dimensions(
    taught: Swapper,
) -> None:
    parts: dict[str, dict[str, float]] = {}
    for reduction in ("elbo_sum", "mean"):
        weights = {"jacobian_weight": 0.7, "beta": 0.3, "naming_weight": 0.0}
        model = tiny_model(reduction=reduction, **weights)
        model.networks.load_state_dict(taught.networks.state_dict())
        model.begin_stage(1)
        torch.manual_seed(5)
        parts[reduction] = {
            name: float(value.detach()) for name, value in model.loss(batch_of(model)).items()
        }
    elbo, mean = parts["elbo_sum"], parts["mean"]
    bins, v_size, z_size = 257, 4, 8
    spectra = elbo["error"] + 0.7 * elbo["jacobian"]
    stride = taught.config.global_stride
    nats = 0.3 * elbo["kl_z"] / bins + elbo["kl_v"] / (40 * stride * bins)
    assert elbo["loss"] == pytest.approx(0.5 * spectra + nats, rel=1e-5)
    assert mean["loss"] == pytest.approx(
        spectra + 0.3 * mean["kl_z"] / z_size + mean["kl_v"] / v_size, rel=1e-5
    )
    assert elbo["error"] == pytest.approx(mean["error"])


def test_bands_count_from_stage_level_on(taught: Swapper) -> None:
    model = tiny_model(band_weight=4.0)
    model.begin_stage(0)
    model.begin_stage(1)
    model.load_state_dict(taught.state_dict())
    batch = batch_of(model)
    assert "bands" not in model.loss(batch)
    model.begin_stage(2)
    torch.manual_seed(3)
    with_bands = model.loss(batch)
    taught.begin_stage(2)
    torch.manual_seed(3)
    without = taught.loss(batch)
    assert "bands" not in without
    torch.testing.assert_close(with_bands["loss"], without["loss"] + 2.0 * with_bands["bands"])


@torch.no_grad()
def test_bands_are_those_of_what_is_played() -> None:
    """A frame of noise at the level that is decoded, and no partials: bands of its expected power."""
    model = tiny_model(band_weight=1.0, loudness=False).eval()
    decoder = model.networks.decoder
    assert isinstance(decoder, HarmonicDecoder)
    decoder.partials.bias -= 30.0
    z, v = decoder.code[[20, 40]].unsqueeze(0) * 1.0, torch.randn(1, model.config.v_size)
    decoded = decoder(z, v)
    power = decoder.played_power(z, v, decoded)
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(2, 4000, 1, *decoded.shape[1:], generator=generator)
    drawn = NOISE_POWER * torch.exp(2.0 * (decoded + BREATH)) * parts.square().sum(0) / 2.0
    torch.testing.assert_close(power, drawn.mean(0), rtol=0.15, atol=1e-3)
    torch.testing.assert_close(in_bands(4.0 * power, model.bands), in_bands(power, model.bands))
    assert float(in_bands(power, model.bands).exp().square().sum()) == pytest.approx(2.0, rel=0.2)


def test_bins_count_as_on_a_mel_axis_or_all_the_same() -> None:
    flat = bin_weights(tiny_config(weighting="flat"))
    mel = bin_weights(tiny_config(weighting="mel"))
    torch.testing.assert_close(flat, torch.ones(257))
    assert float(mel.mean()) == pytest.approx(1.0, abs=1e-5)
    assert float(mel[0] / mel[-1]) == pytest.approx((700 + 8000) / 700, rel=1e-4)


def test_a_share_of_the_named_clips_is_decoded_from_the_mean_of_their_instrument() -> None:
    timbres, weights = torch.randn(3, 4), torch.tensor([[1.0], [1.0], [0.0]])
    own, instrument = torch.zeros(900, 4), torch.tensor([0, 1, 2, -1, 0, 1]).repeat(150)
    v = named_in_part(own, instrument, timbres, weights, 0.5)
    named = v.abs().amax(1) > 0
    assert not named[(instrument == -1) | (instrument == 2)].any()
    assert 0.4 < float(named[(instrument == 0) | (instrument == 1)].float().mean()) < 0.6
    assert v[named].equal(timbres[instrument[named]])


def test_named_timbres_are_means_of_v_over_their_own_clips_while_training(taught: Swapper) -> None:
    batch = batch_of(taught)
    v, _ = taught.networks.global_encoder(batch["banded"], batch["active"])
    taught.train()
    taught.loss(batch)
    torch.testing.assert_close(taught.timbres[0], v[[0, 4]].mean(0))
    torch.testing.assert_close(taught.timbres[1:], v[1:3])
    kept = taught.timbres.clone()
    taught.eval().loss(batch_of(taught, seed=1))
    assert torch.equal(taught.timbres, kept)


def test_a_running_mean_begins_with_the_first_clips_and_skips_timbres_that_did_not_play() -> None:
    timbres, weights = torch.zeros(3, 1), torch.zeros(3, 1)
    v = torch.tensor([[1.0], [2.0], [3.0], [9.0]])
    for _ in range(3):
        remember(timbres, weights, v, torch.tensor([0, 1, 0, -1]))
    assert timbres.flatten().tolist() == pytest.approx([2.0, 2.0, 0.0])
    assert float(weights[2]) == 0.0


def test_naming_is_the_cross_entropy_of_gaussians_about_the_mean_timbres() -> None:
    timbres, v, instrument = torch.randn(3, 4), torch.randn(6, 4), torch.tensor([0, 1, 2, -1, 0, 1])
    known = instrument >= 0
    likelihood = torch.distributions.Normal(timbres, 1.0).log_prob(v[known].unsqueeze(1)).sum(-1)
    expected = -(likelihood - likelihood.logsumexp(1, keepdim=True)).gather(1, instrument[known, None])
    torch.testing.assert_close(naming_loss(v, instrument, timbres), expected.mean())
    assert float(naming_loss(v, torch.full((6,), -1), timbres)) == 0.0


def test_loudness_reaches_the_decoder_only_where_it_is_told(taught: Swapper) -> None:
    batch = batch_of(taught)
    louder = {**batch, "loudness": batch["loudness"] + 1.0}
    for told in (True, False):
        model = tiny_model(loudness=told)
        errors = []
        for given in (batch, louder):
            torch.manual_seed(0)
            model.begin_stage(1)
            errors.append(float(model.loss(given)["error"].detach()))
        assert (errors[0] != errors[1]) == told


def test_relative_loudness_is_0_at_the_mean_power_and_bounded() -> None:
    level, power = torch.tensor([0.0, 0.1, 0.1 * math.e**2, 100.0]), torch.full((4,), 0.01)
    assert relative_loudness(level, power).tolist() == pytest.approx([-2.0, 0.0, 1.0, 1.0], abs=1e-4)
    assert float(mean_power(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([1.0, 1.0, 0.0]))) == 2.5


def test_log_bands_are_means_of_neighbouring_bins() -> None:
    spectrum = torch.rand(3, 24)
    expected = torch.log(spectrum.reshape(3, 3, 8).mean(-1) + 0.04)
    torch.testing.assert_close(log_bands(spectrum, 8), expected)


@pytest.mark.parametrize("names", [["violin", "violin"], ["alto sax"]])
def test_instruments_must_be_different_identifiers(names: list[str]) -> None:
    with pytest.raises(RecipeError, match="allowed different identifiers"):
        tiny_config(instruments=names)


def test_z_lowers_the_error_below_what_v_alone_reaches(tiny_run: Path) -> None:
    rows = [line.split(",") for line in (tiny_run / "curves.csv").read_text().splitlines()]
    error = [(row[2], float(row[5])) for row in rows if row[3:5] == ["validation", "error"]]
    with_v_alone = [value for stage, value in error if stage == "timbre"]
    with_z = [value for stage, value in error if stage == "pitch"]
    assert min(with_v_alone[1:]) < with_v_alone[0]
    assert with_z[-1] < 0.85 * with_v_alone[-1]


@torch.no_grad()
def test_learnt_timbres_differ_by_instrument(trained: Swapper) -> None:
    """Decoded at the same z, each pair of instruments differs by nearly 1 dB or more."""
    table = trained.timbres
    assert table.shape == (len(INSTRUMENTS), 4)
    note = torch.cat([trained.networks.local_encoder.get_buffer("code")[48], torch.zeros(1)])
    decoded = trained.networks.decoder(note.expand(3, 1, 9), table)[:, 0]
    distance = torch.cdist(decoded, decoded) / decoded.shape[1] ** 0.5
    apart = distance[~torch.eye(3, dtype=torch.bool)]
    assert float(apart.min()) > 0.1


@pytest.mark.parametrize(("told", "n_fft"), [({}, 1024), ({"revision": 1}, 512)])
def test_weights_that_were_trained_on_other_frames_are_refused(
    told: dict[str, int], n_fft: int, tiny_run: Path, tmp_path: Path
) -> None:
    """Those of before told no revision, and had frames of 1024 samples; the shapes fit all the same."""
    tensors, card = read_tensors(tiny_run / "best-level" / "weights.safetensors")
    assert card.pop("revision") == 2
    card["method_config"]["spectral"]["n_fft"] = n_fft
    write_tensors(tmp_path / "weights.safetensors", tensors, {**card, **told})
    with pytest.raises(CheckpointError, match="has the revision 1 of its method, this latentfx 2"):
        load_checkpoint(tmp_path)


def test_weights_without_a_revision_are_loaded_where_their_frames_are_todays(
    tiny_run: Path, tmp_path: Path
) -> None:
    tensors, card = read_tensors(tiny_run / "best-level" / "weights.safetensors")
    del card["revision"]
    write_tensors(tmp_path / "weights.safetensors", tensors, card)
    assert load_checkpoint(tmp_path)[1]["stage"] == "level"


def test_the_same_seed_gives_the_same_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    stages = {"train_stages.timbre.steps": 4, "train_stages.pitch.steps": 4, "train_stages.level.steps": 2}
    short = {**stages, "train_validate_every": 6}
    losses: list[float] = []
    weights: list[Tensor] = []
    for seed in (3, 3, 4):
        folder = tmp_path_factory.mktemp("seed")
        recipe = tiny_recipe(recipe_seed=seed, **short)
        outcome = train(recipe, folder, device="cpu", threads=1, reporter=quiet())
        assert outcome.best is not None
        losses.append(outcome.best)
        weights.append(load_checkpoint(folder)[0].state_dict()["networks.decoder.partials.weight"])
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(weights[0], weights[1])
