"""Every module, in one graph: eager torch, TorchScript and onnxruntime agree over a stream."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentfx.dsp.conv import CausalConv1d
from latentfx.dsp.delay import Delay
from latentfx.dsp.mel import InverseMel, mel_filters
from latentfx.dsp.phase import PhaseGradientPropagation
from latentfx.dsp.ramp import ControlRamp
from latentfx.dsp.stft import StftAnalysis, StftSynthesis

HOP = 256
OUTPUTS = ["analysis", "reconstruction", "phase", "synthesis", "inverse_mel", "conv", "delay", "ramp"]
State = dict[str, Tensor]
Step = Callable[[Tensor, Tensor], dict[str, NDArray[np.float32]]]


class EveryModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hop = HOP
        self.analysis = StftAnalysis(2048, 1024, HOP, prefix="long_")
        self.reconstruction = StftSynthesis(2048, 1024, HOP, prefix="back_")
        self.hann = StftAnalysis.hann(1024, HOP)
        self.phase = PhaseGradientPropagation(1024, HOP)
        self.synthesis = StftSynthesis.hann(1024, HOP)
        self.filters = nn.Buffer(mel_filters(48_000, 1024, 40))
        self.inverse_mel = InverseMel(self.filters, 4)
        self.conv = CausalConv1d(1, 2, 3, dilation=5)
        self.delay = Delay(1, 700)
        self.ramp = ControlRamp(2, HOP, 20.0, 48_000)

    def initial_state(self, batch_size: int = 1) -> State:
        state: State = {}
        for module in self.children():
            state.update(module.initial_state(batch_size) if hasattr(module, "initial_state") else {})
        return state

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[State, State]:
        out: State = {}
        re, im, new = self.analysis(audio, state)
        out["analysis"] = torch.cat([re, im], 2)
        out["reconstruction"], back = self.reconstruction(re, im, state)
        re, im, hann = self.hann(audio, state)
        magnitude = torch.sqrt(re * re + im * im)[:, 0]
        re, im, phase = self.phase(magnitude, state)
        out["phase"] = torch.cat([re, im], 1)
        out["synthesis"], tail = self.synthesis(re[:, None], im[:, None], state)
        out["inverse_mel"] = self.inverse_mel(torch.matmul(self.filters, magnitude))
        out["conv"], conv = self.conv(audio, state)
        out["delay"], line = self.delay(audio, state)
        out["ramp"], _, ramp = self.ramp(controls, audio.shape[-1] // self.hop, state)
        for part in [back, hann, phase, tail, conv, line, ramp]:
            new.update(part)
        return out, new


class OnnxStep:
    """The exported step, with its state."""

    def __init__(self, path: Path, state: State) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = list(state)
        self.state = [value.numpy() for value in state.values()]

    def __call__(self, audio: Tensor, controls: Tensor) -> dict[str, NDArray[np.float32]]:
        inputs = [audio.numpy(), controls.numpy(), *self.state]
        names = [item.name for item in self.session.get_inputs()]
        found = self.session.run(None, dict(zip(names, inputs, strict=True)))
        self.state = found[len(OUTPUTS) :]
        return dict(zip(OUTPUTS, found, strict=False))


class ForExport(nn.Module):
    """Gives the new state in the order of the old one."""

    def __init__(self, module: EveryModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[list[Tensor], list[Tensor]]:
        out, new = self.module(audio, controls, state)
        return [out[name] for name in OUTPUTS], [new[name] for name in state]


@pytest.fixture(scope="module")
def module() -> EveryModule:
    torch.manual_seed(0)
    return EveryModule().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def course(bowed: Tensor) -> list[tuple[Tensor, Tensor]]:
    controls = [torch.tensor([[0.0, -12.0]]), torch.tensor([[1.0, 6.0]])]
    return [(block, controls[n // 20 % 2]) for n, block in enumerate(bowed[..., : 100 * HOP].split(HOP, -1))]


def run(step: Step, course: list[tuple[Tensor, Tensor]]) -> dict[str, NDArray[np.float32]]:
    outs = [step(audio, controls) for audio, controls in course]
    return {name: np.concatenate([out[name] for out in outs], -1) for name in OUTPUTS}


class TorchStep:
    """The module eager, or scripted, with its state."""

    def __init__(self, module: nn.Module, state: State) -> None:
        self.module, self.state = module, state

    def __call__(self, audio: Tensor, controls: Tensor) -> dict[str, NDArray[np.float32]]:
        out, self.state = self.module(audio, controls, self.state)
        return {name: value.numpy() for name, value in out.items()}


@pytest.fixture(scope="module")
def results(
    module: EveryModule, course: list[tuple[Tensor, Tensor]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, NDArray[np.float32]]]:
    path = tmp_path_factory.mktemp("parity") / "every.onnx"
    example = (torch.zeros(1, 1, HOP), torch.zeros(1, 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.|copyreg")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"torch\.|onnxscript\.")
        torch.onnx.export(
            ForExport(module).eval(),
            example,
            path,
            kwargs={"state": module.initial_state()},
            dynamo=True,
            opset_version=20,
            verbose=False,
        )
    return {
        "eager": run(TorchStep(module, module.initial_state()), course),
        "script": run(TorchStep(torch.jit.script(module), module.initial_state()), course),
        "onnx": run(OnnxStep(path, module.initial_state()), course),
    }


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("other", ["script", "onnx"])
def test_it_agrees_with_eager(
    results: dict[str, dict[str, NDArray[np.float32]]], name: str, other: str
) -> None:
    expected = results["eager"][name]
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(results[other][name], expected, atol=1e-5 * np.abs(expected).max(), rtol=0)


def test_one_long_call_agrees_with_many_short_ones(
    module: EveryModule, results: dict[str, dict[str, NDArray[np.float32]]], bowed: Tensor
) -> None:
    out, _ = module(bowed[..., : 20 * HOP], torch.tensor([[0.0, -12.0]]), module.initial_state())
    for name in OUTPUTS:
        expected = out[name].numpy()
        found = results["eager"][name][..., : expected.shape[-1]]
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max(), err_msg=name)
