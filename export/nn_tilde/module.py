"""A plugin in the form that nn~ calls: audio in, audio out, state and controls inside.

Written for TorchScript: `latentfx.export.nn_tilde.file` adds an attribute for every control.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from latentfx.dsp.finite import finite
from latentfx.effect import LatentEffect
from latentfx.plugin import Plugin

from .latent import LatentLayout
from .memory import Memory


class NnTilde(nn.Module):
    """The methods that every plugin has in nn~: `forward`, and `info` for the rate and the latency.

    nn~ takes its shortest buffer from the largest ratio of all methods; `info` makes it hold one whole block
    of the plugin, and 512 samples at least, below which Max takes a buffer of one sample.

    Args:
        plugin: any plugin that TorchScript can compile.
    """

    control_values: Tensor

    def __init__(self, plugin: Plugin) -> None:
        super().__init__()
        spec = plugin.spec
        self.plugin = plugin
        self.memory = Memory(plugin.initial_state(1))
        self.rate_hz = spec.sample_rate
        self.latency_samples = spec.latency
        self.register_buffer("control_values", torch.tensor([spec.defaults], dtype=torch.float32))

    def forward(self, audio: Tensor) -> Tensor:
        """Audio to audio.

        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the plugin's block
        """
        batch = audio.shape[0]
        out, state = self.plugin(finite(audio), self.control_values.repeat(batch, 1), self.memory.read(batch))
        self.memory.write(state)
        return finite(out)

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
        """Forget what was heard."""
        self.memory.reset()

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
    def turned(self, index: int) -> float:
        """Value of a control."""
        return float(self.control_values[0, index].item())

    @torch.jit.export
    def blend(self, text: str, labels: list[str], indices: list[int]) -> int:
        """Set the weights of a mixture from `trumpet` or `trumpet:0.7+flute:0.3`.

        Args:
            text: what was said.
            labels: what may be said.
            indices: the control of each label.
        Returns:
            0, or 1 for a text that makes no sense; then nothing changes.
        """
        weights = [0.0 for _ in labels]
        for part in text.split("+"):
            pair = part.split(":")
            found = -1
            for index, label in enumerate(labels):
                if label == pair[0]:
                    found = index
            if found < 0 or len(pair) > 2:
                return 1
            weight = 1.0
            if len(pair) == 2:
                weight = float(pair[1])
            if not (weight >= 0.0 and weight <= 1.0):
                return 1
            weights[found] = weight
        if sum(weights) <= 0.0:
            return 1
        for index, weight in enumerate(weights):
            self.turn(indices[index], weight, 0.0, 1.0)
        return 0

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

    Each method keeps a state of its own. One latent channel is one dimension of a factor; after the factors
    come those features that the decoder reads beside them (the level of the frame).

    Args:
        effect: the plugin.
        layout: what its latent channels are.
    """

    if TYPE_CHECKING:  # at run time TorchScript would take it for an attribute
        plugin: LatentEffect

    factor_names: list[str]
    feature_names: list[str]
    channel_sizes: list[int]

    def __init__(self, effect: LatentEffect, layout: LatentLayout) -> None:
        super().__init__(effect)
        self.hop = effect.hop
        self.operator_controls = effect.operator_controls
        self.factor_names = list(layout.factors)
        self.feature_names = list(layout.features)
        self.channel_sizes = list((layout.factors | layout.features).values())
        ramp = effect.ramp.initial_state(1)
        self.encode_memory = Memory(layout.encode_state | ramp)
        self.operate_memory = Memory(layout.operate_state | ramp)
        self.decode_memory = Memory(layout.decode_state)

    @torch.jit.export
    def encode(self, audio: Tensor) -> Tensor:
        """Audio to latent signals.

        Shape:
            audio [B, C_in, T] -> [B, Z, T / hop]
        """
        state = self.encode_memory.read(audio.shape[0])
        knobs, ramp = self.knobs(audio.shape[0], audio.shape[2] // self.hop, state)
        features, new = self.plugin.analysis(finite(audio), state)
        features = self.plugin.operator.on_features(features, knobs)
        factors, model_state = self.plugin.model.encode(features, state)
        new = new.copy()
        new.update(model_state)
        new.update(ramp)
        self.encode_memory.write(new)
        channels = [factors[name] for name in self.factor_names]
        channels += [features[name] for name in self.feature_names]
        return finite(torch.cat(channels, 1))

    @torch.jit.export
    def operate(self, latent: Tensor) -> Tensor:
        """Latent signals through the operator.

        Shape:
            latent [B, Z, N] -> [B, Z, N]
        """
        state = self.operate_memory.read(latent.shape[0])
        knobs, ramp = self.knobs(latent.shape[0], latent.shape[2], state)
        factors, features = self.split(latent)
        factors, new = self.plugin.operator(factors, knobs, state)
        new = new.copy()
        new.update(ramp)
        self.operate_memory.write(new)
        channels = [factors[name] for name in self.factor_names]
        channels += [features[name] for name in self.feature_names]
        return finite(torch.cat(channels, 1))

    @torch.jit.export
    def decode(self, latent: Tensor) -> Tensor:
        """Latent signals to audio.

        Shape:
            latent [B, Z, N] -> [B, C_out, N * hop]
        """
        state = self.decode_memory.read(latent.shape[0])
        factors, features = self.split(latent)
        decoded, new = self.plugin.model.decode(factors, features, state)
        audio, synthesis_state = self.plugin.synthesis(decoded, state)
        new = new.copy()
        new.update(synthesis_state)
        self.decode_memory.write(new)
        return finite(audio)

    @torch.jit.export
    def reset_state(self) -> None:
        """Forget what was heard, in every method."""
        self.memory.reset()
        self.encode_memory.reset()
        self.operate_memory.reset()
        self.decode_memory.reset()

    def knobs(self, batch: int, frames: int, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Smoothed controls of the operator.

        Shape:
            -> [B, P, N], state
        """
        targets = self.plugin.range(self.control_values.repeat(batch, 1))
        _, knobs, ramp = self.plugin.ramp(targets, frames, state)
        return knobs[:, : self.operator_controls], ramp

    def split(self, latent: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Latent channels by name: factors, and features.

        Shape:
            latent [B, Z, N] -> each value [B, C, N]
        """
        parts = torch.split_with_sizes(finite(latent), self.channel_sizes, 1)
        factors: dict[str, Tensor] = {}
        features: dict[str, Tensor] = {}
        for index, name in enumerate(self.factor_names):
            factors[name] = parts[index]
        for index, name in enumerate(self.feature_names):
            features[name] = parts[len(self.factor_names) + index]
        return factors, features
