"""A plugin in the form that nn~ calls: audio in, audio out, state and controls inside.

Written for TorchScript: `latentfx.export.nn_tilde.file` adds an attribute for every control.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from latentfx.effect import LatentEffect
from latentfx.plugin import Plugin

from .fade import Fade
from .latent import LatentLayout
from .memory import Memory
from .steps import HostSteps, LatentSteps
from .words import held, say, weights

_FADE_MS = 10


class NnTilde(nn.Module):
    """The methods that every plugin has in nn~: `forward`, and `info` for the rate and the latency.

    nn~ takes its shortest buffer from the largest ratio of all methods; `info` makes it hold one whole block
    of the plugin, and 512 samples at least, below which Max takes a buffer of one sample.

    Args:
        plugin: any plugin that TorchScript can compile.
    """

    control_values: Tensor
    if TYPE_CHECKING:  # at run time TorchScript would take it for an attribute
        steps: HostSteps

    def __init__(self, plugin: Plugin) -> None:
        super().__init__()
        spec = plugin.spec
        self.steps = HostSteps(plugin)
        self.memory = Memory(plugin.initial_state(1))
        self.rate_hz = spec.sample_rate
        self.latency_samples = spec.latency
        self.block = max(512, spec.block_size)
        self.channels = spec.in_channels
        self.warm = False
        self.fade = Fade(spec.latency, max(1, _FADE_MS * spec.sample_rate // 1000))
        self.register_buffer("control_values", torch.tensor([spec.defaults], dtype=torch.float32))

    def forward(self, audio: Tensor) -> Tensor:
        """Audio to audio.

        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the plugin's block
        """
        batch = audio.shape[0]
        controls = self.control_values.repeat(batch, 1)
        out, state = self.steps(audio, controls, self.memory.read(batch))
        self.memory.write(state)
        out, again = self.fade.forward(out)
        if again:
            self.memory.reset()
        return out

    @torch.jit.export
    def prepare(self) -> None:
        """Run the steps on silence, once: what TorchScript does at the first calls is done then."""
        if not self.warm:
            self.warm = True
            audio = torch.zeros([1, self.channels, self.block])
            for _ in range(3):
                self.steps(audio, self.control_values, self.memory.read(1))

    @torch.jit.export
    def info(self, audio: Tensor) -> Tensor:
        """Sample rate in Hz, and latency in samples, as signals.

        Shape:
            audio [B, 1, N] -> [B, 2, N]
        """
        facts = torch.tensor([float(self.rate_hz), float(self.latency_samples)], device=audio.device)
        return facts.reshape(1, 2, 1).repeat(audio.shape[0], 1, audio.shape[2])

    @torch.jit.export
    def reset_state(self) -> None:
        """Forget what was heard, at once."""
        self.memory.reset()
        self.fade.forget()

    @torch.jit.export
    def restart(self) -> None:
        """Forget what was heard, after a fade."""
        self.fade.ask()

    @torch.jit.export
    def turn(self, index: int, value: float, low: float, high: float) -> int:
        """Set a control, held within its range.

        Returns:
            0, or 1 for what is no number; then nothing changes.
        """
        if not (
            value <= 0.0 or value > 0.0
        ):  # libtorch 2.5.1 cannot run math.isnan; value != value is folded
            return 1
        row = torch.arange(self.control_values.shape[1], device=self.control_values.device)
        self.control_values = torch.where(row == index, min(max(value, low), high), self.control_values)
        return 0

    @torch.jit.export
    def set_number(self, index: int, name: str, value: float, low: float, high: float) -> int:
        """Set a control by its name; what is wrong with the value is printed.

        Returns:
            0, or 1 for what is no number; then nothing changes.
        """
        refused = self.turn(index, value, low, high)
        if refused != 0:
            say(name + " is not a number; allowed " + str(low) + " to " + str(high))
        held(name, value, low, high)
        return refused

    @torch.jit.export
    def turned(self, index: int) -> float:
        """Value of a control."""
        return float(self.control_values[0, index].item())

    @torch.jit.export
    def blend(self, name: str, text: str, labels: list[str], indices: list[int]) -> int:
        """Set the weights of a mixture from `trumpet` or `trumpet:0.7+flute:0.3`.

        Args:
            name: of the mixture.
            text: what was said.
            labels: what may be said.
            indices: the control of each label.
        Returns:
            0, or 1 for a text that makes no sense; then nothing changes.
        """
        found = weights(name, text, labels)
        if len(found) == 0:
            return 1
        for index, weight in enumerate(found):
            self.turn(indices[index], weight, 0.0, 1.0)
        return 0

    @torch.jit.export
    def fixed(self, name: str) -> int:
        """Answer who sets a fact."""
        say(name + " can be read, and not set")
        return 1

    @torch.jit.export
    def blended(self, labels: list[str], indices: list[int]) -> str:
        """The mixture as text, weights to three places."""
        parts: list[str] = []
        for index, label in enumerate(labels):
            thousandths = int(self.turned(indices[index]) * 1000.0 + 0.5)
            if thousandths >= 1000:
                parts.append(label)
            elif thousandths > 0:
                parts.append(label + ":0." + str(1000 + thousandths)[1:].rstrip("0"))
        return "+".join(parts)


class NnTildeLatent(NnTilde):
    """The same for a `LatentEffect`, with its latent space laid open: `encode`, `decode`, and the operator.

    Each method keeps a state of its own.

    Args:
        effect: the plugin.
        layout: what its latent channels are.
    """

    if TYPE_CHECKING:
        steps: LatentSteps

    def __init__(self, effect: LatentEffect, layout: LatentLayout) -> None:
        super().__init__(effect)
        self.steps = LatentSteps(effect, layout)
        ramp = effect.ramp.initial_state(1)
        self.encode_memory = Memory(layout.encode_state | ramp)
        self.operate_memory = Memory(layout.operate_state | ramp)
        self.decode_memory = Memory(layout.decode_state)
        self.decode_fade = Fade(self.fade.latency, self.fade.samples)

    @torch.jit.export
    def prepare(self) -> None:
        """Run the steps of every method on silence, once; what they remember stays as it is."""
        if not self.warm:
            self.warm = True
            audio, knobs = torch.zeros([1, self.channels, self.block]), self.control_values
            for _ in range(3):
                self.steps(audio, knobs, self.memory.read(1))
                latent, _ = self.steps.encode(audio, knobs, self.encode_memory.read(1))
                changed, _ = self.steps.operate(latent, knobs, self.operate_memory.read(1))
                self.steps.decode(changed, knobs, self.decode_memory.read(1))

    @torch.jit.export
    def encode(self, audio: Tensor) -> Tensor:
        """Audio to latent signals.

        Shape:
            audio [B, C_in, T] -> [B, Z, T / hop]
        """
        batch = audio.shape[0]
        controls = self.control_values.repeat(batch, 1)
        latent, state = self.steps.encode(audio, controls, self.encode_memory.read(batch))
        self.encode_memory.write(state)
        return latent

    @torch.jit.export
    def operate(self, latent: Tensor) -> Tensor:
        """Latent signals through the operator.

        Shape:
            latent [B, Z, N] -> [B, Z, N]
        """
        batch = latent.shape[0]
        controls = self.control_values.repeat(batch, 1)
        changed, state = self.steps.operate(latent, controls, self.operate_memory.read(batch))
        self.operate_memory.write(state)
        return changed

    @torch.jit.export
    def decode(self, latent: Tensor) -> Tensor:
        """Latent signals to audio.

        Shape:
            latent [B, Z, N] -> [B, C_out, N * hop]
        """
        batch = latent.shape[0]
        controls = self.control_values.repeat(batch, 1)
        audio, state = self.steps.decode(latent, controls, self.decode_memory.read(batch))
        self.decode_memory.write(state)
        audio, again = self.decode_fade.forward(audio)
        if again:
            self.decode_memory.reset()
        return audio

    @torch.jit.export
    def reset_state(self) -> None:
        """Forget what was heard, in every method, at once."""
        self.memory.reset()
        self.encode_memory.reset()
        self.operate_memory.reset()
        self.decode_memory.reset()
        self.fade.forget()
        self.decode_fade.forget()

    @torch.jit.export
    def restart(self) -> None:
        """Forget what was heard, in every method, sound after a fade."""
        self.encode_memory.reset()
        self.operate_memory.reset()
        self.fade.ask()
        self.decode_fade.ask()
