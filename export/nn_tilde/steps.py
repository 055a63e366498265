"""The work of a file for nn~ as pure functions: state goes in, and the next state comes out.

Written for TorchScript. The compiled steps are a module of their own behind an interface: TorchScript keeps a
call through an interface as a call, and so `get_methods` can prepare what the first buffers of sound need.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from latentfx.dsp.finite import finite
from latentfx.effect import LatentEffect
from latentfx.plugin import Plugin

from .latent import LatentLayout


class HostSteps(nn.Module):
    """What every plugin does: audio in, audio out.

    Args:
        plugin: any plugin that TorchScript can compile.
    """

    def __init__(self, plugin: Plugin) -> None:
        super().__init__()
        self.plugin = plugin

    def forward(
        self, audio: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Audio to audio.

        Shape:
            audio [B, C_in, T], controls [B, P] -> [B, C_out, T], T a multiple of the plugin's block
        """
        out, new = self.plugin(finite(audio), controls, state)
        return finite(out), new


class LatentSteps(HostSteps):
    """The same for a `LatentEffect`, and its stages one by one.

    A latent channel is one dimension of a factor. After the factors come the features that the decoder reads
    beside them (the level of the frame).

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

    @torch.jit.export
    def encode(
        self, audio: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Audio to latent signals.

        Shape:
            audio [B, C_in, T], controls [B, P] -> [B, Z, T / hop]
        """
        knobs, ramp = self.knobs(controls, audio.shape[2] // self.hop, state)
        features, new = self.plugin.analysis(finite(audio), state)
        features = self.plugin.operator.on_features(features, knobs)
        factors, model_state = self.plugin.model.encode(features, state)
        new = new.copy()
        new.update(model_state)
        new.update(ramp)
        return self.joined(factors, features), new

    @torch.jit.export
    def operate(
        self, latent: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Latent signals through the operator.

        Shape:
            latent [B, Z, N], controls [B, P] -> [B, Z, N]
        """
        knobs, ramp = self.knobs(controls, latent.shape[2], state)
        factors, features = self.split(latent)
        factors, new = self.plugin.operator(factors, knobs, state)
        new = new.copy()
        new.update(ramp)
        return self.joined(factors, features), new

    @torch.jit.export
    def decode(
        self, latent: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Latent signals to audio; the controls have no part in it.

        Shape:
            latent [B, Z, N], controls [B, P] -> [B, C_out, N * hop]
        """
        factors, features = self.split(latent)
        decoded, new = self.plugin.model.decode(factors, features, state)
        audio, synthesis_state = self.plugin.synthesis(decoded, state)
        new = new.copy()
        new.update(synthesis_state)
        return finite(audio), new

    def knobs(
        self, controls: Tensor, frames: int, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Smoothed controls of the operator.

        Shape:
            controls [B, P] -> [B, P, N], state
        """
        _, knobs, ramp = self.plugin.ramp(self.plugin.range(controls), frames, state)
        return knobs[:, : self.operator_controls], ramp

    def joined(self, factors: dict[str, Tensor], features: dict[str, Tensor]) -> Tensor:
        """Factors and features as latent channels.

        Shape:
            each value [B, C, N] -> [B, Z, N]
        """
        channels = [factors[name] for name in self.factor_names]
        channels += [features[name] for name in self.feature_names]
        return finite(torch.cat(channels, 1))

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


class StepsInterface(nn.Module):
    """`HostSteps` as TorchScript calls it; `torch.jit.interface` makes it one."""

    def forward(  # type: ignore[empty-body]
        self, audio: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pass


class LatentStepsInterface(nn.Module):
    """`LatentSteps` as TorchScript calls it; `torch.jit.interface` makes it one."""

    def forward(  # type: ignore[empty-body]
        self, audio: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pass

    def encode(  # type: ignore[empty-body]
        self, audio: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pass

    def operate(  # type: ignore[empty-body]
        self, latent: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pass

    def decode(  # type: ignore[empty-body]
        self, latent: Tensor, controls: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        pass
