"""LatentEffect: what it owns around the stages, and the whole contract on the identity model."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_effect import Identity, Lift, identity_effect
from torch import Tensor

from latentfx.control import Control
from latentfx.effect import LatentEffect
from latentfx.errors import ContractError, ControlError, ShapeError
from latentfx.stages import Factors, Features, Operator, State
from latentfx.testing import verify_contract, verify_parity

RATE, HOP = 16000, 64
EFFECT = identity_effect()
GAINS = ("lift_db", "input_db", "output_db")


def run(
    effect: LatentEffect, audio: Tensor, state: State | None = None, **values: float
) -> tuple[Tensor, State]:
    controls = effect.default_controls(audio.shape[0])
    for name, value in values.items():
        controls[:, effect.spec.index(name)] = value
    with torch.inference_mode():
        return effect(audio, controls, effect.initial_state(audio.shape[0]) if state is None else state)


def tone(samples: int, f_hz: float = 440.0, channels: int = 1) -> Tensor:
    return 0.5 * torch.sin(2 * math.pi * f_hz * torch.arange(samples) / RATE).repeat(1, channels, 1)


def level_db(audio: Tensor) -> float:
    return 20 * math.log10(float(audio.square().mean().sqrt()) + 1e-12)


@pytest.mark.parametrize("sizes", [{}, {"block_size": 4 * HOP}, {"in_channels": 2}], ids=str)
def test_the_identity_model_keeps_the_contract(sizes: dict[str, int]) -> None:
    report = verify_contract(identity_effect(**sizes), nonlinear=True, settle_s=0.5)
    assert {"latency", "dry_latency", "clicks", "silence", "inaudible"} <= {
        check.name for check in report.checks
    }


def test_torchscript_sounds_like_eager() -> None:
    report = verify_parity(identity_effect(), blocks=40)
    assert report.engines[0].difference_db < -80.0


@settings(max_examples=10, deadline=None)
@given(split=st.lists(st.integers(1, 6), min_size=1, max_size=8), target_db=st.floats(-24.0, 24.0))
def test_any_split_gives_the_output_of_one_call(split: list[int], target_db: float) -> None:
    effect = EFFECT
    audio = torch.randn(1, 1, sum(split) * HOP, generator=torch.Generator().manual_seed(sum(split)))
    _, state = run(effect, tone(10 * HOP), mix=0.3)
    whole, _ = run(effect, audio, state, output_db=target_db)
    pieces = []
    for chunk in audio.split([n * HOP for n in split], -1):
        out, state = run(effect, chunk, state, output_db=target_db)
        pieces.append(out)
    torch.testing.assert_close(torch.cat(pieces, -1), whole, atol=1e-5, rtol=1e-5)


def test_mix_0_is_the_input_delayed_to_the_bit() -> None:
    effect = identity_effect()
    audio = torch.randn(1, 1, 40 * HOP)
    out, _ = run(effect, audio, mix=0.0, input_db=12.0, lift_db=20.0)
    latency = effect.spec.latency
    assert torch.equal(out[..., latency:], audio[..., :-latency])
    assert not out[..., :latency].any()


def test_the_gains_and_the_operator_do_what_they_say() -> None:
    effect = identity_effect()
    audio = tone(80 * HOP)
    heard = {name: run(effect, audio, **{name: 6.0})[0][..., 40 * HOP :] for name in GAINS}
    plain = level_db(run(effect, audio)[0][..., 40 * HOP :])
    assert plain == pytest.approx(level_db(audio), abs=0.5)
    for name, out in heard.items():
        assert level_db(out) - plain == pytest.approx(6.0, abs=0.1), name


def test_controls_begin_at_their_first_target_and_then_move() -> None:
    effect = identity_effect()
    audio = torch.ones(1, 1, 60 * HOP)
    first, state = run(effect, audio, mix=0.0, output_db=-20.0)
    assert first[..., -1].item() == pytest.approx(0.1)
    second, _ = run(effect, audio, state, mix=0.0, output_db=0.0)
    steps = second[0, 0].diff()
    assert second[0, 0, 0] < 0.11
    assert second[0, 0, -1].item() == pytest.approx(1.0)
    assert steps.min() >= 0.0, "a ramp never goes back"
    assert steps.max() < 0.02


def test_control_values_outside_their_range_are_held_at_its_ends() -> None:
    effect = identity_effect()
    audio = torch.ones(1, 1, 40 * HOP)
    loud, _ = run(effect, audio, mix=0.0, output_db=1e9)
    broken, state = run(effect, audio, mix=0.0, output_db=math.nan)
    assert loud[..., -1].item() == pytest.approx(10 ** (24 / 20), rel=1e-5)
    assert broken.isfinite().all()
    assert run(effect, audio, state, mix=0.0)[0][..., -1].item() == pytest.approx(1.0)


def test_the_dry_path_takes_the_main_channel_beside_a_side_chain() -> None:
    effect = identity_effect(in_channels=2)
    audio = torch.randn(1, 2, 30 * HOP)
    out, _ = run(effect, audio, mix=0.0)
    latency = effect.spec.latency
    assert torch.equal(out[..., latency:], audio[:, :1, :-latency])


class Hums(Identity):
    """A decoder that is never silent."""

    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        new: State = {}
        return {"magnitude": factors["level"].exp() + 3.0}, new


def test_the_gate_silences_a_decoder_that_hums_at_rest_and_lets_it_play() -> None:
    effect = identity_effect(model=Hums())
    playing, state = run(effect, tone(RATE // HOP * HOP))
    resting, _ = run(effect, torch.zeros(1, 1, RATE // HOP * HOP), state)
    assert level_db(playing[..., -RATE // 4 :]) > -20.0
    assert resting[..., -RATE // 4 :].abs().max() == 0.0


def test_the_gate_closes_in_a_line_over_eight_hops() -> None:
    """And so without a click: what is heard is what an open gate lets through, times that line."""
    effect, never = identity_effect(model=Hums()), identity_effect(model=Hums(), gate_db=-200.0)
    heard = torch.cat([tone(20 * HOP), 1e-7 * tone(RATE // HOP * HOP)], 2)
    filtered, _ = effect.filter(heard, effect.filter.initial_state(1, effect.filtered_channels))
    opening, _ = effect.gate(filtered[-1], effect.gate.initial_state(1))
    assert float(opening[..., 10 * HOP]) == 1.0
    assert opening[..., -RATE // 4 :].abs().max() == 0.0
    assert float(opening.diff().abs().max()) == pytest.approx(1.0 / (8 * HOP), rel=1e-3)
    through = run(never, heard)[0]
    assert through[..., -RATE // 4 :].abs().max() > 0.1
    begun = 10 * HOP
    torch.testing.assert_close(run(effect, heard)[0][..., begun:], (through * opening)[..., begun:])


def test_the_gate_listens_to_a_side_chain_where_it_is_told_to() -> None:
    audio = torch.cat([torch.zeros(1, 1, 60 * HOP), tone(60 * HOP)], 1)
    for listens in (False, True):
        out, _ = run(identity_effect(model=Hums(), in_channels=2, gate_side_chain=listens), audio)
        assert bool(out.abs().max() > 0.1) == listens


class Halves(Lift):
    """Halves what was decoded, however much the factors were lifted, and hears what was encoded."""

    def on_decoded(
        self, decoded: Features, encoded: Factors, features: Features, controls: Tensor
    ) -> Features:
        own = torch.exp(encoded["level"])
        return {"magnitude": torch.minimum(0.5 * decoded["magnitude"], own)}


def test_an_operator_may_change_what_was_decoded_and_knows_what_was_encoded() -> None:
    effect = identity_effect(operator=Halves())
    audio = tone(80 * HOP)
    whole = level_db(run(identity_effect(), audio)[0][..., 40 * HOP :])
    for lift_db, heard_db in ((0.0, -6.02), (4.0, -2.02), (24.0, 0.0)):
        out, _ = run(effect, audio, lift_db=lift_db)
        assert level_db(out[..., 40 * HOP :]) - whole == pytest.approx(heard_db, abs=0.1)
    assert verify_parity(effect, blocks=20).engines[0].difference_db < -80.0


class Overflows(Identity):
    """An unbounded recursion: NaN within two frames of a loud sound."""

    def initial_state(self, batch_size: int = 1) -> State:
        return {"model_level": torch.full((batch_size, 129, 1), -3.0)}

    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        grown = torch.where(features["logmag"][..., -1:] > 3.0, torch.inf, state["model_level"])
        return {"level": features["logmag"] + 0.0 * grown}, {"model_level": grown}


def test_a_row_whose_state_overflows_starts_again_and_leaves_the_others_alone() -> None:
    effect = identity_effect(model=Overflows())
    quiet = 0.01 * tone(40 * HOP)
    audio = torch.cat([quiet, quiet])
    audio[1, :, 10 * HOP : 12 * HOP] = 10.0
    pieces, state = [], effect.initial_state(2)
    for chunk in audio.split(HOP, -1):
        out, state = run(effect, chunk, state)
        assert all(value.isfinite().all() for value in state.values())
        pieces.append(out)
    heard = torch.cat(pieces, -1)
    assert heard.isfinite().all()
    assert (state["model_level"] == -3.0).all()
    assert level_db(heard[1, :, -8 * HOP :]) == pytest.approx(level_db(heard[0, :, -8 * HOP :]), abs=1.0)
    alone, _ = run(effect, quiet)
    torch.testing.assert_close(heard[0], alone[0], atol=1e-5, rtol=1e-5)


class Greedy(Lift):
    def initial_state(self, batch_size: int = 1) -> State:
        return {"phase_turns": torch.zeros(batch_size, 1)}


class Forgetful(Lift):
    def initial_state(self, batch_size: int = 1) -> State:
        return {"operator_memory": torch.zeros(batch_size, 1)}


class HasMix(Lift):
    def __init__(self) -> None:
        Operator.__init__(self, (Control("mix", 0.0, 1.0, 0.0),))


def test_stages_that_do_not_fit_say_so_at_construction() -> None:
    with pytest.raises(ContractError, match="'phase_turns' of synthesis belongs to operator already"):
        identity_effect(operator=Greedy())
    with pytest.raises(ContractError, match=r"begin with .*'operator_memory'.* and return"):
        identity_effect(operator=Forgetful())
    with pytest.raises(ControlError, match="two controls of one name"):
        identity_effect(operator=HasMix())
    with pytest.raises(ShapeError, match="block_size is 100; allowed multiples of the analysis hop 64"):
        identity_effect(block_size=100)
    with pytest.raises(ShapeError, match="2 channels in cannot be the dry path of 3 out"):
        identity_effect(in_channels=2, out_channels=3)
