"""The instruments of latentfx.testing on plugins whose answers are known in closed form."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.dsp.finite import StateGuard, finite
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.errors import ContractError
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.spec import Blend
from latentfx.testing import measure_latency, verify_contract, verify_parity
from latentfx.testing.drive import blocks_for, gap, random_split

RATE, BLOCK = 16000, 64


class Gain(Plugin):
    """No state, no controls."""

    def __init__(self, gain: float = 0.5, latency: int = 0) -> None:
        super().__init__(PluginSpec("gain", RATE, BLOCK, latency))
        self.gain = gain

    def initial_state(self, batch_size: int = 1) -> State:
        return {}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return finite(audio) * self.gain, state


class OnePole(Plugin):
    """A leaky sum, a block at a time; the state is the last output."""

    def __init__(self) -> None:
        super().__init__(PluginSpec("one_pole", RATE, BLOCK, 0))
        lag = torch.arange(BLOCK).unsqueeze(0) - torch.arange(BLOCK).unsqueeze(1)
        self.register_buffer("response", torch.where(lag >= 0, 0.2 * torch.pow(0.8, lag), 0.0))
        self.register_buffer("decay", torch.pow(0.8, torch.arange(1, BLOCK + 1)))

    def initial_state(self, batch_size: int = 1) -> State:
        return {"last": torch.zeros(batch_size, 1, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        last = state["last"]
        blocks = []
        for block in finite(audio).split(self.decay.shape[0], -1):
            out = torch.matmul(block, self.response) + last * self.decay
            last = out[..., -1:]
            blocks.append(out)
        return torch.cat(blocks, -1), {"last": last}


class StftPassThrough(Plugin):
    """Analysis and synthesis with nothing between: a delay of window - hop."""

    def __init__(self) -> None:
        super().__init__(PluginSpec("stft", RATE, BLOCK, 256 - BLOCK))
        self.analysis = StftAnalysis(512, 256, BLOCK)
        self.synthesis = StftSynthesis(512, 256, BLOCK)

    def initial_state(self, batch_size: int = 1) -> State:
        return self.analysis.initial_state(batch_size) | self.synthesis.initial_state(batch_size)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        re, im, new = self.analysis(finite(audio), state)
        out, tail = self.synthesis(re, im, state)
        new.update(tail)
        return out, new


class Blended(Gain):
    """The weights of a blend, averaged over some blocks, set the gain."""

    def __init__(self) -> None:
        super().__init__()
        names = ("tone_soft", "tone_loud")
        controls = tuple(Control(name, 0.0, 1.0, float(name == "tone_soft")) for name in names)
        blend = Blend("tone", {"soft": names[0], "loud": names[1]}, "soft")
        self.spec = PluginSpec("blended", RATE, BLOCK, 0, controls=controls, blends=(blend,))
        self.register_buffer("gains", torch.tensor([0.2, 1.0]))

    def initial_state(self, batch_size: int = 1) -> State:
        return {"gain": torch.full((batch_size, 1), -1.0)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        target = (controls * self.gains).sum(1, keepdim=True)
        begin = torch.where(state["gain"] >= 0, state["gain"], target)
        count = torch.arange(1, audio.shape[-1] + 1, device=audio.device)
        gain = target + (begin - target) * torch.pow(0.995, count)
        return finite(audio) * gain.unsqueeze(1), {"gain": gain[:, -1:]}


@pytest.mark.parametrize("kind", [Gain, OnePole, StftPassThrough, Blended], ids=lambda kind: kind.__name__)
def test_well_behaved_plugins_keep_the_contract_in_eager_and_torchscript(kind: type[Plugin]) -> None:
    plugin = kind()
    report = verify_contract(plugin, settle_s=0.2)
    assert report.passed
    assert report.plugin == plugin.spec.name
    assert verify_parity(plugin, blocks=12).engines[0].difference <= 1e-5


@pytest.mark.parametrize("nonlinear", [False, True])
@pytest.mark.parametrize("declared", [0, 192, 1000])
def test_latency_is_measured_whatever_the_spec_says(declared: int, nonlinear: bool) -> None:
    plugin = StftPassThrough()
    plugin.spec = PluginSpec("stft", RATE, BLOCK, declared)
    assert measure_latency(plugin, nonlinear=nonlinear) == pytest.approx(192, abs=2 if nonlinear else 0)


def test_a_filter_that_smears_has_the_latency_of_its_peak() -> None:
    assert measure_latency(OnePole()) == 0


def test_latency_of_a_mute_plugin_is_an_error() -> None:
    with pytest.raises(ContractError, match="gave silence for a noise burst"):
        measure_latency(Gain(0.0))


class Rounds(Gain):
    """Differs between engines where it is told to: scripted code takes the other branch."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        if torch.jit.is_scripting():
            return finite(audio) * self.gain + 0.01, state
        return finite(audio) * self.gain, state


def test_parity_fails_with_the_difference_and_its_level() -> None:
    with pytest.raises(ContractError, match=r"torchscript 0\.01 \(-40 dBFS\); allowed 0\.0001"):
        verify_parity(Rounds(), blocks=4)


class Unscriptable(Gain):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return finite(audio) * {"gain": self.spec}["gain"].latency, state


def test_a_plugin_that_cannot_be_scripted_says_so() -> None:
    with pytest.raises(ContractError, match="'gain' cannot be scripted"):
        verify_parity(Unscriptable(), blocks=2)


class WithDropout(Gain):
    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return self.drop(finite(audio)) * self.gain, state


def test_checks_run_in_eval_and_give_the_mode_back() -> None:
    plugin = WithDropout().train()
    assert verify_contract(plugin, settle_s=0.1).passed
    assert verify_parity(plugin, blocks=2).engines[0].difference == 0.0
    assert plugin.training
    assert plugin.drop.training


@given(blocks=st.integers(1, 200), seed=st.integers(0, 1000))
def test_a_random_split_covers_every_block_once(blocks: int, seed: int) -> None:
    split = random_split(blocks, torch.Generator().manual_seed(seed))
    assert sum(split) == blocks
    assert min(split) >= 1


def test_blocks_last_as_long_as_asked() -> None:
    assert blocks_for(Gain(), 1.0) * BLOCK == RATE
    assert blocks_for(Gain(), 0.0) == 6


def test_gap_counts_what_is_not_finite_on_one_side_alone() -> None:
    nan, one = torch.tensor([math.nan, 1.0]), torch.tensor([1.0, 1.0])
    assert gap(nan, one) == math.inf
    assert gap(nan, nan) == 0.0
    assert gap(one, one + 0.25) == 0.25
    assert gap(one, one[:1]) == math.inf


def test_finite_drops_what_no_sound_has() -> None:
    x = torch.tensor([0.5, math.nan, math.inf, -math.inf, 1e30, -3.0])
    assert finite(x).tolist() == [0.5, 0.0, 0.0, 0.0, 0.0, -3.0]


def test_a_guard_starts_every_state_of_a_broken_row_again() -> None:
    guard = StateGuard({"a": torch.full((1, 3), 2.0), "b": torch.tensor([[1.0, 5.0]])})
    state = {"a": torch.rand(3, 3), "b": torch.rand(3, 2)}
    state["a"][1, 2] = math.nan
    state["b"][2, 0] = math.inf
    out = guard(state)
    assert torch.equal(out["a"][0], state["a"][0])
    assert torch.equal(out["b"][0], state["b"][0])
    assert out["a"][1:].tolist() == [[2.0, 2.0, 2.0]] * 2
    assert out["b"][1:].tolist() == [[1.0, 5.0]] * 2


def test_a_guard_knows_states_of_one_number_a_row() -> None:
    guard = StateGuard({"a": torch.full((1,), 2.0)})
    assert guard({"a": torch.tensor([1.0, math.nan, 3.0])})["a"].tolist() == [1.0, 2.0, 3.0]
