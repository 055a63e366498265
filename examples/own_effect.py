"""Write an effect in PyTorch, check it, export it as a plugin file, and play a recording through the file.

Needs the extra `lab`. Leaves `echo.onnx` and `echo.flac` in the current folder.
"""

from datetime import date
from pathlib import Path

import torch
from torch import Tensor

import latentfx
from latentfx.dsp.delay import Delay
from latentfx.dsp.finite import finite
from latentfx.dsp.ramp import ControlRamp
from latentfx.export import export_onnx
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import verify_contract

VIOLIN = Path(__file__).parent / "audio" / "violin.flac"
RATE, BLOCK, ECHO = 48_000, 256, 12_000


class Echo(Plugin):
    """One echo after a quarter of a second."""

    def __init__(self) -> None:
        echo_db = latentfx.Control("echo_db", -60.0, 0.0, -6.0, "dB", description="level of the echo")
        super().__init__(PluginSpec("echo", RATE, BLOCK, latency=0, controls=(echo_db,)))
        self.ramp = ControlRamp(count=1, hop=BLOCK, time_ms=20.0, sample_rate=RATE)
        self.line = Delay(channels=1, samples=ECHO)

    def initial_state(self, batch_size: int = 1) -> State:
        return self.ramp.initial_state(batch_size) | self.line.initial_state(batch_size)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        audio = finite(audio)
        level_db, _, ramp_state = self.ramp(controls, audio.shape[-1] // BLOCK, state)
        delayed, line_state = self.line(audio, state)
        return audio + delayed * 10.0 ** (level_db / 20.0), ramp_state | line_state


echo = Echo()
print(verify_contract(echo))
provenance = {
    "method": "an echo",
    "licence": "MIT",
    "date": date.today().isoformat(),
    "versions": {"torch": torch.__version__},
}
export_onnx(echo, "echo.onnx", provenance)
print(latentfx.apply(VIOLIN, "echo.flac", "echo.onnx", echo_db=-9.0))
