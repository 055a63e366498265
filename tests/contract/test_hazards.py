"""One plugin for each hazard: the check that is meant for it fails, and no other."""

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from latentfx.control import Control
from latentfx.dsp.finite import finite
from latentfx.errors import ContractError
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import Check, ContractReport, Terms, check_contract, verify_contract

RATE, BLOCK, DELAY = 16000, 128, 96
GAIN = Control("gain_db", -24.0, 12.0, 0.0, "dB")


class Delay(Plugin):
    """A well-behaved delay with a smoothed gain; each hazard breaks one thing in it."""

    latency = DELAY
    tail = DELAY

    def __init__(self) -> None:
        super().__init__(PluginSpec(type(self).__name__, RATE, BLOCK, self.latency, controls=(GAIN,)))

    def initial_state(self, batch_size: int = 1) -> State:
        return {
            "past": torch.zeros(batch_size, 1, self.tail),
            "gain": torch.zeros(batch_size, 1),
            "started": torch.zeros(batch_size, 1),
        }

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        line = torch.cat([state["past"], self.clean(audio)], -1)
        target = self.gain(controls)
        begin = torch.where(state["started"] > 0, state["gain"], target)
        slope = torch.arange(1, audio.shape[-1] + 1) / (8.0 * BLOCK)
        gain = begin + (target - begin).clamp(-slope, slope)
        new = {
            "past": line[..., audio.shape[-1] :],
            "gain": gain[:, -1:],
            "started": torch.ones_like(begin),
        }
        return line[..., : audio.shape[-1]] * gain.unsqueeze(1), new

    def clean(self, audio: Tensor) -> Tensor:
        return finite(audio)

    def gain(self, controls: Tensor) -> Tensor:
        return torch.pow(10.0, controls / 20.0)


class WrongLatency(Delay):
    latency = DELAY + 1


class HiddenState(Delay):
    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(1)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        out = out + 0.1 * self.last
        self.last = audio[0, 0, -1].clone()
        return out, new


class NonDeterministic(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        return out + 1e-3 * torch.randn_like(out), new


class WritesIntoState(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        state["past"].copy_(new["past"])
        return out, state | {"gain": new["gain"], "started": new["started"]}


class WritesIntoAudio(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        audio.mul_(0.5)
        return super().forward(2 * audio, controls, state)


class ReusesBuffer(Delay):
    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[int, Tensor] = {}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        kept = self.shared.setdefault(len(audio), torch.empty(len(audio), 1, self.tail))
        kept.copy_(new["past"])
        return out, new | {"past": kept}


class DependsOnSplit(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        return out / (1.0 + out.abs().mean(-1, keepdim=True)), new


class LeaksBetweenRows(Delay):
    def clean(self, audio: Tensor) -> Tensor:
        return finite(audio) + 0.01 * finite(audio).mean(0, keepdim=True)


class KeepsNaN(Delay):
    """A leaky sum of everything it ever heard: audible as finite sound only until the first NaN."""

    def initial_state(self, batch_size: int = 1) -> State:
        return super().initial_state(batch_size) | {"sum": torch.zeros(batch_size, 1, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        blocks = audio.unflatten(-1, [-1, BLOCK])
        total, levels = state["sum"], []
        for n in range(blocks.shape[2]):
            total = 0.5 * total + blocks[:, :, n].mean(-1, keepdim=True)
            levels.append(total)
        out, new = super().forward(audio, controls, state)
        level = torch.cat(levels, -1).repeat_interleave(BLOCK, -1)
        return out + 0.1 * finite(level), new | {"sum": total}


class LetsNaNThrough(Delay):
    def clean(self, audio: Tensor) -> Tensor:
        return audio


class NaNWhenLoud(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        return torch.where(audio.abs().mean(-1, keepdim=True) > 0.75, math.nan, out), new


class FallsSilentAfterNaN(Delay):
    """Turns itself off at the first bad sample, for good."""

    def initial_state(self, batch_size: int = 1) -> State:
        return super().initial_state(batch_size) | {"broken": torch.zeros(batch_size, 1, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        bad = torch.cummax((~audio.isfinite()).float(), -1)[0]
        broken = torch.maximum(bad, state["broken"])
        out, new = super().forward(audio, controls, state)
        return out * (1.0 - broken), new | {"broken": broken[..., -1:]}


class Drones(Delay):
    def initial_state(self, batch_size: int = 1) -> State:
        return super().initial_state(batch_size) | {"phase": torch.zeros(batch_size, 1, 1)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        phase = state["phase"] + torch.arange(audio.shape[-1]) / 64.0
        hum = 3e-4 * torch.sin(2 * torch.pi * phase)
        return out + hum, new | {"phase": (state["phase"] + audio.shape[-1] / 64.0) % 1.0}


class RaisesTheUnheard(Delay):
    """The quieter a sample, the more it is raised: the noise of a room becomes a sound."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state)
        return out.sign() * out.abs().sqrt(), new


class Clicks(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return super().forward(audio, controls, state | {"started": torch.zeros(len(audio), 1)})


class Float64State(Delay):
    def initial_state(self, batch_size: int = 1) -> State:
        state = super().initial_state(batch_size)
        return state | {"gain": state["gain"].double()}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, state | {"gain": state["gain"].float()})
        return out, new | {"gain": new["gain"].double()}


class RenamesState(Delay):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        out, new = super().forward(audio, controls, {"started": torch.zeros(len(audio), 1)} | state)
        del new["started"]
        return out, new


class StateWithoutBatch(Delay):
    def initial_state(self, batch_size: int = 1) -> State:
        return super().initial_state(1)


HAZARDS = {
    WrongLatency: {"latency"},
    HiddenState: {"pure"},
    NonDeterministic: {"pure"},
    WritesIntoState: {"inputs_unchanged"},
    WritesIntoAudio: {"inputs_unchanged"},
    ReusesBuffer: {"inputs_unchanged"},
    DependsOnSplit: {"splits"},
    LeaksBetweenRows: {"rows"},
    LetsNaNThrough: {"finite"},
    NaNWhenLoud: {"finite"},
    KeepsNaN: {"finite", "recovery"},
    FallsSilentAfterNaN: {"recovery"},
    Drones: {"silence"},
    RaisesTheUnheard: {"inaudible"},
    Clicks: {"clicks"},
    Float64State: {"form"},
    RenamesState: {"form"},
    StateWithoutBatch: {"form"},
}


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.__name__)
def test_each_hazard_fails_its_own_check_alone(hazard: Callable[[], Plugin]) -> None:
    report = check_contract(hazard(), Terms(settle_s=0.3))
    assert {check.name for check in report.failures} == HAZARDS[hazard], str(report)


def test_the_plugin_behind_the_hazards_keeps_the_contract() -> None:
    report = verify_contract(Delay(), settle_s=0.3)
    names = [check.name for check in report.checks]
    assert names[:5] == ["form", "inputs_unchanged", "pure", "splits", "rows"]
    assert names[5:] == ["latency", "finite", "recovery", "silence", "inaudible", "clicks"]


def test_the_error_lists_every_failure_with_numbers_and_cure() -> None:
    class Both(WrongLatency, Clicks):
        pass

    with pytest.raises(ContractError) as caught:
        verify_contract(Both(), settle_s=0.3)
    text = str(caught.value)
    assert "'Both'" in text
    assert "latency: 1 samples off; allowed 0. " in text
    assert f"Set latency={DELAY}" in text
    assert "'gain_db' clicks" in text


def test_the_advice_for_a_plugin_judged_as_linear_names_nonlinear() -> None:
    report = check_contract(WrongLatency(), Terms(settle_s=0.3))
    advice = {check.name: check.advice for check in report.checks}
    for name in ("latency", "recovery"):
        assert advice[name].endswith("give nonlinear=True")
    report = check_contract(WrongLatency(), Terms(nonlinear=True, settle_s=0.3))
    assert not any("nonlinear" in check.advice for check in report.checks)


def test_progress_names_every_check_as_it_begins() -> None:
    begun: list[str] = []
    report = check_contract(WrongLatency(), Terms(settle_s=0.3), progress=begun.append)
    assert begun == [check.name for check in report.checks]


def test_a_report_is_what_json_can_hold() -> None:
    report = check_contract(WrongLatency(), Terms(settle_s=0.3)).as_dict()
    assert report["passed"] is False
    assert report["checks"]["latency"] == {
        "measured": 1,
        "allowed": 0,
        "unit": "samples off",
        "passed": False,
    }


def test_a_number_that_json_cannot_hold_is_null() -> None:
    report = ContractReport("mine", (Check("level", math.inf, 0.0, "dB", ""),)).as_dict()
    assert json.loads(json.dumps(report, allow_nan=False))["checks"]["level"]["measured"] is None
    assert report["passed"] is False
